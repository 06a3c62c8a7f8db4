package attack

import (
	"net/http"
	"testing"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// SPEC 5: resolve once, refuse private, loopback, link-local, metadata, CGNAT,
// embedded and own addresses, dial that address.
func TestAttackReachPrivateAddressByName(t *testing.T) {
	addrs := []string{
		"127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "168.63.129.16", "192.0.0.192",
		"::1", "fd00:ec2::254", "fe80::1", "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "::ffff:10.0.0.1", "224.0.0.1", "255.255.255.255",
	}
	for _, addr := range addrs {
		t.Run(addr, func(t *testing.T) {
			o := newOutside(t)
			o.Play(t, addr, canary(t), netguardtest.Certificate{Names: []string{"up.example.com"}})
			o.Resolve("up.example.com", []string{addr})
			_, err := o.app(t, "up.example.com").get("https://up.example.com/")
			refused(t, "https://up.example.com/", err, addr)
			if got := o.Dialled(); len(got) != 0 {
				t.Errorf("dialled %v", got)
			}
		})
	}
}

// One private answer condemns the name, wherever it stands in the list.
func TestAttackHidePrivateAddressAmongPublicOnes(t *testing.T) {
	for _, answers := range [][]string{{"93.184.216.50", "10.0.0.1"}, {"10.0.0.1", "93.184.216.50"}, {"93.184.216.50", "93.184.216.51", "::1"}} {
		o := newOutside(t)
		for _, a := range answers {
			o.Play(t, a, canary(t), netguardtest.Certificate{Names: []string{"mixed.example.com"}})
		}
		o.Resolve("mixed.example.com", answers)
		_, err := o.app(t, "mixed.example.com").get("https://mixed.example.com/")
		refused(t, "https://mixed.example.com/", err, answers...)
		if got := o.Dialled(); len(got) != 0 {
			t.Errorf("dialled %v", got)
		}
	}
}

// DNS rebinding: the name is public when it is looked at and private a moment later.
func TestAttackRebind(t *testing.T) {
	o := newOutside(t)
	reached := 0
	o.Play(t, "93.184.216.50", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached++
		w.Header().Set("Connection", "close") // so that the next request has to dial again
	}), netguardtest.Certificate{Names: []string{"rebind.example.com"}})
	o.PlayHTTP1(t, "127.0.0.1", canary(t), netguardtest.Certificate{Names: []string{"rebind.example.com"}})
	o.Resolve("rebind.example.com", []string{"93.184.216.50"}, []string{"127.0.0.1"})
	a := o.app(t, "rebind.example.com")

	if _, err := a.get("https://rebind.example.com/"); err != nil || reached != 1 {
		t.Fatalf("the public address: %v", err)
	}
	// What was dialled is what was looked up the one time; no second look-up decided.
	if len(o.Resolved()) != 1 || len(o.Dialled()) != 1 {
		t.Fatalf("%v looked up, %v dialled", o.Resolved(), o.Dialled())
	}
	for range 3 {
		_, err := a.get("https://rebind.example.com/")
		if err == nil {
			if reached == 1 {
				t.Fatal("answered by nobody knows whom")
			}
			continue // the old connection was still open: that is the public address
		}
		refused(t, "https://rebind.example.com/", err, "127.0.0.1")
	}
	o.neverDialled(t, "127.0.0.1")
}
