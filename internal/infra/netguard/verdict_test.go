package netguard

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestClassify(t *testing.T) {
	tests := map[Verdict][]string{
		Public: {
			"93.184.216.34", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
			"126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
			"172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
			"192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.112.255",
			"223.255.255.255", "168.63.129.15", "168.63.129.17",
			"2606:4700:4700::1111", "2001:200::1", "2000::1", "2003::1", "2620:4f:8001::1", "3ffe::1",
			"::ffff:1.1.1.1",
		},
		ThisNetwork:        {"0.0.0.0", "0.255.255.255", "::ffff:0.0.0.0"},
		Loopback:           {"127.0.0.1", "127.255.255.255", "::ffff:127.0.0.1"},
		Private:            {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "::ffff:10.0.0.1"},
		SharedSpace:        {"100.64.0.0", "100.100.100.200", "100.127.255.255"},
		LinkLocal:          {"169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "::ffff:169.254.169.254"},
		ProtocolAssignment: {"192.0.0.0", "192.0.0.192", "192.0.0.255"},
		Documentation:      {"192.0.2.1", "198.51.100.255", "203.0.113.0", "2001:db8::1", "3fff::1", "3fff:fff::1"},
		RelayAnycast:       {"192.31.196.1", "192.52.193.1", "192.175.48.1", "192.88.99.1", "2620:4f:8000::1"},
		Benchmarking:       {"198.18.0.0", "198.19.255.255"},
		Multicast:          {"224.0.0.1", "239.255.255.255"},
		ReservedSpace:      {"240.0.0.0", "255.255.255.255"},
		CloudPlatform:      {"168.63.129.16"},
		IETFProtocol:       {"2001::1", "2001:0:4136:e378:8000:63bf:3f57:fdf2", "2001:2::1", "2001:1ff::1"},
		SixToFour:          {"2002::", "2002:7f00:1::1"},
		NotGlobalUnicast: {
			"::", "::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
			"100::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fec0::1",
			"ff05::1:3", "4000::1", "1fff:ffff::1",
		},
		Zoned: {"fe80::1%eth0", "2606:4700:4700::1111%eth0"},
	}
	for want, addrs := range tests {
		for _, a := range addrs {
			if got := Classify(netip.MustParseAddr(a)); got != want {
				t.Errorf("Classify(%s) = %q, want %q", a, got, want)
			}
		}
	}
	if got := Classify(netip.Addr{}); got != Invalid {
		t.Errorf("Classify(zero) = %q", got)
	}
}

// TestClassifyEmbedded holds that no way of writing a denied IPv4 address in IPv6 is
// admitted, wherever a transition form puts the 32 bits.
func TestClassifyEmbedded(t *testing.T) {
	prefixes := []string{"::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "::"}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(denied4).Draw(t, "rule")
		b := r.prefix.Addr().As4()
		for i := range b {
			host := byte(rapid.IntRange(0, 255).Draw(t, "byte"))
			keep := max(0, min(8, r.prefix.Bits()-8*i))
			b[i] |= host & (0xff >> keep)
		}
		v4 := netip.AddrFrom4(b)
		if Classify(v4) == Public {
			t.Fatalf("%s is public", v4)
		}
		p := netip.MustParseAddr(rapid.SampledFrom(prefixes).Draw(t, "prefix")).As16()
		copy(p[12:], b[:])
		if v6 := netip.AddrFrom16(p); Classify(v6) == Public {
			t.Fatalf("%s is public", v6)
		}
		six := [16]byte{0x20, 0x02, b[0], b[1], b[2], b[3]}
		if v6 := netip.AddrFrom16(six); Classify(v6) == Public {
			t.Fatalf("%s is public", v6)
		}
	})
}

func TestClassifyName(t *testing.T) {
	tests := map[Verdict][]string{
		Public:      {"example.com", "a.b.example.com", "localhost.example.com", "internal.example.com", "attacker.test"},
		SpecialName: {"localhost", "app.localhost", "printer.local", "vault.internal", "metadata.google.internal", "x.home.arpa", "x.onion", "metadata.goog"},
		SingleLabel: {"kubernetes", "metadata"},
		Invalid:     {"", "a%25.example.com", "a:b", "[::1]", "a/b.com", "a@b.com"},
	}
	for want, names := range tests {
		for _, n := range names {
			if got := ClassifyName(n); got != want {
				t.Errorf("ClassifyName(%q) = %q, want %q", n, got, want)
			}
		}
	}
}

func TestVerdictZeroRefuses(t *testing.T) {
	var v Verdict
	if v == Public {
		t.Fatal("a forgotten verdict admits")
	}
	for i := range verdictText {
		if verdictText[i] == "" {
			t.Errorf("verdict %d has no reason", i)
		}
		if class := Verdict(i).Class(); class == "" || i > 0 && class == verdictClass[Refused] {
			t.Errorf("verdict %d has no word for logs", i)
		}
	}
}
