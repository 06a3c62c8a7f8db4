package netguard

import (
	"net/netip"
	"strings"
	"testing"
)

// Whatever text stands for an address, what is public is so by every other measure too:
// the standard library's, and that of each form that carries an IPv4 address inside.
func FuzzClassify(f *testing.F) {
	for _, seed := range []string{"93.184.216.34", "127.1", "0x7f.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::f5ff:fffe", "fe80::1%eth0", "2606:4700::1111", "::", "1.2.3.4:80", "fd00:ec2::254"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			if Classify(addr) == Public {
				t.Fatalf("%q is no address, and public", text)
			}
			return
		}
		v := Classify(addr)
		if v.String() == "" || v.Class() == "" || v == Refused {
			t.Fatalf("%s: %v", addr, v)
		}
		if v != Public {
			return
		}
		a := addr.Unmap()
		switch {
		case addr.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified():
			t.Fatalf("%s is public", addr)
		case Classify(a) != Public || Classify(netip.AddrFrom16(a.As16())) != Public:
			t.Fatalf("%s is public in one form only", addr)
		case a.Is6():
			b := a.As16()
			if b[0]>>5 != 1 || b[0] == 0x20 && b[1] == 0x02 || b[0] == 0x20 && b[1] == 0x01 && b[2] < 2 {
				t.Fatalf("%s is public", addr)
			}
		}
	})
}

// What may be resolved is a name of several labels, below no special one, without a byte
// that another parser could split it at.
func FuzzClassifyName(f *testing.F) {
	for _, seed := range []string{"example.com", "localhost", "a.internal", "x.localhost", "a%00b.com", "[::1]", "a.b:80", "metadata.google.internal", "a@b.com", "1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if ClassifyName(name) != Public {
			return
		}
		last := name[strings.LastIndexByte(name, '.')+1:]
		if !strings.Contains(name, ".") || strings.ContainsAny(name, "%:[]/\\@ \x00") || last == "localhost" || last == "internal" || last == "local" || last == "arpa" || last == "onion" {
			t.Fatalf("%q may be resolved", name)
		}
	})
}
