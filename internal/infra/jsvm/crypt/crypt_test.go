package crypt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var work = Work{Pause: func() error { return nil }}

// do runs one operation; a map's members are the spec.
func do(t *testing.T, spec map[string]any, data ...[]byte) any {
	t.Helper()
	v, err := try(spec, data...)
	if err != nil {
		t.Fatalf("%v: %v", spec, err)
	}
	return v
}

func try(spec map[string]any, data ...[]byte) (any, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var four [4][]byte
	copy(four[:], data)
	return work.Run(text, four)
}

type m = map[string]any

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func generate(t *testing.T, spec m) keyInfo {
	t.Helper()
	spec["op"] = "generate"
	var k keyInfo
	if err := json.Unmarshal(do(t, spec).(json.RawMessage), &k); err != nil {
		t.Fatal(err)
	}
	return k
}

var newKeys = map[string]m{
	"rsa": {"kind": "rsa", "bits": 1024, "exponent": 65537}, "p256": {"kind": "ec", "curve": "P-256"}, "p384": {"kind": "ec", "curve": "P-384"},
	"p521": {"kind": "ec", "curve": "P-521"}, "ed25519": {"kind": "ed25519"}, "x25519": {"kind": "x25519"},
}

// TestKeys takes a new key of each kind through each of its forms and back.
func TestKeys(t *testing.T) {
	for name, spec := range newKeys {
		k := generate(t, spec)
		forms := []m{{"form": "jwk"}, {"form": "der", "type": "pkcs8"}, {"form": "pem", "type": "pkcs8"}}
		switch name {
		case "rsa":
			forms = append(forms, m{"form": "pem", "type": "pkcs1"}, m{"form": "der", "type": "pkcs1"})
		case "p256", "p384", "p521":
			forms = append(forms, m{"form": "pem", "type": "sec1"})
		}
		for _, form := range forms {
			form["op"] = "export"
			out := toBytes(do(t, form, k.DER))
			form["op"], form["want"] = "key", "private"
			var back keyInfo
			if err := json.Unmarshal(do(t, form, out).(json.RawMessage), &back); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back.DER, k.DER) || back.Kind != k.Kind {
				t.Errorf("%s through %v is another key", name, form)
			}
		}
		for _, form := range []m{{"form": "jwk"}, {"form": "der", "type": "spki"}, {"form": "pem", "type": "spki"}, {"form": "raw", "kind": k.Kind, "curve": k.Curve}} {
			if name == "rsa" && form["form"] == "raw" {
				continue
			}
			form["op"], form["want"] = "export", "public"
			out := toBytes(do(t, form, k.DER))
			form["op"] = "key"
			again := m{"op": "export", "form": "der", "type": "spki", "want": "public"}
			var back keyInfo
			if err := json.Unmarshal(do(t, form, out).(json.RawMessage), &back); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back.DER, toBytes(do(t, again, k.DER))) || back.Type != "public" {
				t.Errorf("%s's public half through %v is another key", name, form)
			}
			if _, err := try(m{"op": "key", "form": form["form"], "type": form["type"], "kind": k.Kind, "curve": k.Curve, "want": "private"}, out); err == nil {
				t.Errorf("%s's public half counts as a private key", name)
			}
		}
	}
}

func toBytes(v any) []byte {
	if raw, ok := v.(json.RawMessage); ok {
		return raw
	}
	return v.([]byte)
}

// TestSignatures: each right signature counts, and no longer when a bit of the data or of
// itself is another.
func TestSignatures(t *testing.T) {
	data := []byte("what was signed")
	keys := map[string]keyInfo{}
	for name, spec := range newKeys {
		keys[name] = generate(t, spec)
	}
	for name, hows := range map[string][]m{
		"rsa":  {{"hash": "sha256"}, {"hash": "sha1"}, {"hash": "sha256", "pss": true}, {"hash": "sha256", "pss": true, "salt": 0}, {"hash": "sha384", "pss": true, "salt": -2}, {"hash": "sha256", "pss": true, "salt": 20}},
		"p256": {{"hash": "sha256"}, {"hash": "sha256", "p1363": true}}, "p384": {{"hash": "sha384", "p1363": true}},
		"p521": {{"hash": "sha512"}, {"hash": "sha512", "p1363": true}}, "ed25519": {{}},
	} {
		for _, how := range hows {
			how["op"] = "sign"
			sig := do(t, how, keys[name].DER, data).([]byte)
			public := toBytes(do(t, m{"op": "export", "want": "public", "form": "der", "type": "spki"}, keys[name].DER))
			how["op"] = "verify"
			if do(t, how, public, data, sig) != true {
				t.Errorf("%s %v: a right signature is refused", name, how)
			}
			sig[len(sig)-1] ^= 1
			if do(t, how, public, data, sig) != false {
				t.Errorf("%s %v: a wrong signature counts", name, how)
			}
			sig[len(sig)-1] ^= 1
			if do(t, how, public, []byte("what was Signed"), sig) != false {
				t.Errorf("%s %v: it counts for other data", name, how)
			}
			if do(t, how, public, data, sig[:len(sig)-1]) != false {
				t.Errorf("%s %v: a short signature counts", name, how)
			}
		}
	}
}

func TestSealed(t *testing.T) {
	k := generate(t, newKeys["rsa"])
	for _, how := range []m{{"oaep": true, "hash": "sha1"}, {"oaep": true, "hash": "sha256"}, {}} {
		how["op"] = "seal"
		out := do(t, how, k.DER, []byte("secret"), []byte("label")).([]byte)
		how["decrypt"] = true
		if got := do(t, how, k.DER, out, []byte("label")).([]byte); string(got) != "secret" {
			t.Errorf("%v: %q", how, got)
		}
		if _, err := try(how, k.DER, out, []byte("other label")); err == nil && how["oaep"] == true {
			t.Errorf("%v: another label opens it", how)
		}
	}
}

// TestDerived has the examples of RFC 7914, 5869, 7748 and 6070.
func TestDerived(t *testing.T) {
	for _, c := range []struct {
		spec m
		data [][]byte
		want string
	}{
		{m{"op": "scrypt", "n": 16, "r": 1, "p": 1, "length": 64}, [][]byte{nil, nil},
			"77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
		{m{"op": "scrypt", "n": 1024, "r": 8, "p": 16, "length": 64}, [][]byte{[]byte("password"), []byte("NaCl")},
			"fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
		{m{"op": "pbkdf2", "hash": "sha1", "iterations": 4096, "length": 25}, [][]byte{[]byte("passwordPASSWORDpassword"), []byte("saltSALTsaltSALTsaltSALTsaltSALTsalt")},
			"3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"},
		{m{"op": "hkdf", "hash": "sha256", "length": 42}, [][]byte{bytes.Repeat([]byte{0x0b}, 22), unhex("000102030405060708090a0b0c"), unhex("f0f1f2f3f4f5f6f7f8f9")},
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
	} {
		if got := hex.EncodeToString(do(t, c.spec, c.data...).([]byte)); got != c.want {
			t.Errorf("%v: %s", c.spec, got)
		}
	}
	for _, kind := range []string{"p256", "p521", "x25519"} {
		a, b := generate(t, newKeys[kind]), generate(t, newKeys[kind])
		public := func(k keyInfo) []byte {
			return toBytes(do(t, m{"op": "export", "want": "public", "form": "der", "type": "spki"}, k.DER))
		}
		one, two := do(t, m{"op": "agree"}, a.DER, public(b)).([]byte), do(t, m{"op": "agree"}, b.DER, public(a)).([]byte)
		if !bytes.Equal(one, two) || len(one) < 32 {
			t.Errorf("%s: the secrets differ", kind)
		}
	}
}

// TestCiphers compares with the standard library and RFC 3394's example.
func TestCiphers(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abc"), 50_000)
	for _, n := range []int{12, 16, 1, 33} {
		iv := bytes.Repeat([]byte{9}, n)
		aead, err := cipher.NewGCMWithNonceSize(block, n)
		if err != nil {
			t.Fatal(err)
		}
		want := aead.Seal(nil, iv, data, []byte("aad"))
		got := do(t, m{"op": "cipher", "mode": "gcm", "tag": 16}, key, iv, data, []byte("aad")).([]byte)
		if !bytes.Equal(got, want) {
			t.Errorf("gcm with %d bytes of nonce", n)
		}
		stream := do(t, m{"op": "cipher", "mode": "gcm-stream"}, key, iv, data[:1000]).([]byte)
		stream = append(stream, do(t, m{"op": "cipher", "mode": "gcm-stream", "skip": 1000}, key, iv, data[1000:]).([]byte)...)
		if !bytes.Equal(stream, want[:len(data)]) {
			t.Errorf("gcm in parts with %d bytes of nonce", n)
		}
		for _, tag := range []int{16, 12, 4} {
			sealed := do(t, m{"op": "cipher", "mode": "gcm", "tag": tag}, key, iv, data, []byte("aad")).([]byte)
			open := m{"op": "cipher", "mode": "gcm", "tag": tag, "decrypt": true}
			if got := do(t, open, key, iv, sealed, []byte("aad")).([]byte); !bytes.Equal(got, data) {
				t.Errorf("gcm, tag of %d: other data", tag)
			}
			sealed[len(sealed)-1] ^= 1
			if _, err := try(open, key, iv, sealed, []byte("aad")); !errors.Is(err, errDecrypt) {
				t.Errorf("gcm, tag of %d: a wrong tag: %v", tag, err)
			}
		}
	}
	iv := bytes.Repeat([]byte{0xff}, 16)
	want := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(want, data)
	got := do(t, m{"op": "cipher", "mode": "ctr"}, key, iv, data[:777]).([]byte)
	got = append(got, do(t, m{"op": "cipher", "mode": "ctr", "skip": 777}, key, iv, data[777:]).([]byte)...)
	if !bytes.Equal(got, want) {
		t.Error("ctr in parts")
	}
	// A counter of 64 bits returns to zero without a carry.
	got = do(t, m{"op": "cipher", "mode": "ctr", "counter": 64}, key, iv, data[:48]).([]byte)
	again := make([]byte, 32)
	cipher.NewCTR(block, append(bytes.Repeat([]byte{0xff}, 8), make([]byte, 8)...)).XORKeyStream(again, data[16:48])
	if !bytes.Equal(got[:16], want[:16]) || !bytes.Equal(got[16:], again) {
		t.Error("ctr with a short counter")
	}
	for _, mode := range []string{"cbc", "ecb"} {
		sealed := do(t, m{"op": "cipher", "mode": mode, "pad": true}, key, iv, data).([]byte)
		open := m{"op": "cipher", "mode": mode, "pad": true, "decrypt": true}
		if got := do(t, open, key, iv, sealed).([]byte); !bytes.Equal(got, data) || len(sealed)%16 != 0 {
			t.Errorf("%s: other data", mode)
		}
	}
	kek, secret := unhex("000102030405060708090A0B0C0D0E0F"), unhex("00112233445566778899AABBCCDDEEFF")
	wrapped := do(t, m{"op": "cipher", "mode": "kw"}, kek, nil, secret).([]byte)
	if hex.EncodeToString(wrapped) != "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5" {
		t.Errorf("kw: %x", wrapped)
	}
	if got := do(t, m{"op": "cipher", "mode": "kw", "decrypt": true}, kek, nil, wrapped).([]byte); !bytes.Equal(got, secret) {
		t.Error("kw: other data")
	}
	wrapped[9] ^= 1
	if _, err := try(m{"op": "cipher", "mode": "kw", "decrypt": true}, kek, nil, wrapped); !errors.Is(err, errDecrypt) {
		t.Errorf("kw: a damaged key: %v", err)
	}
}

// TestPauses: what takes long asks often, and ends when it is told to.
func TestPauses(t *testing.T) {
	ended := errors.New("ended")
	for _, spec := range []m{
		{"op": "generate", "kind": "rsa", "bits": 4096, "exponent": 3}, {"op": "pbkdf2", "hash": "sha512", "iterations": 1 << 40, "length": 64},
		{"op": "scrypt", "n": 1 << 15, "r": 8, "p": 1 << 10, "length": 64},
	} {
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		w := Work{Pause: func() error {
			if asked++; asked == 50 {
				return ended
			}
			return nil
		}}
		if _, err := w.Run(text, [4][]byte{}); !errors.Is(err, ended) {
			t.Errorf("%v: %v after %d pauses", spec, err, asked)
		}
	}
}

func TestRefused(t *testing.T) {
	k := generate(t, newKeys["p256"])
	for _, c := range []struct {
		spec m
		data []byte
	}{
		{m{"op": "generate", "kind": "rsa", "bits": 16384, "exponent": 65537}, nil}, {m{"op": "generate", "kind": "rsa", "bits": 1024, "exponent": 4}, nil},
		{m{"op": "scrypt", "n": 1 << 20, "r": 8, "p": 1}, nil}, {m{"op": "scrypt", "n": 3, "r": 8, "p": 1}, nil}, {m{"op": "pbkdf2", "hash": "sha256", "iterations": 1, "length": 1 << 30}, nil},
		{m{"op": "key", "form": "pem"}, []byte("-----BEGIN X-----\nAAAA\n-----END X-----\n")}, {m{"op": "key", "form": "der", "type": "pkcs8"}, make([]byte, 1<<20)},
		{m{"op": "key", "form": "jwk"}, []byte(`{"kty":"RSA","n":"AAAA","e":"AQAB","d":"AA","p":"AA","q":"AQ"}`)}, {m{"op": "nothing"}, nil},
		{m{"op": "sign", "hash": "sha256", "pss": true}, []byte("no key")}, {m{"op": "agree"}, k.DER}, {m{"op": "cipher", "mode": "xts"}, make([]byte, 16)}, {m{"op": "cipher", "mode": "cbc"}, make([]byte, 5)},
	} {
		_, err := try(c.spec, c.data)
		var ours *Error
		if !errors.As(err, &ours) || ours.Name == "" || ours.Message == "" {
			t.Errorf("%v: %v", c.spec, err)
		}
	}
}

// FuzzRun: nothing of an app's choosing panics.
func FuzzRun(f *testing.F) {
	for _, spec := range newKeys {
		spec["op"] = "generate"
		text, _ := json.Marshal(spec)
		made, err := work.Run(text, [4][]byte{})
		if err != nil {
			f.Fatal(err)
		}
		var k keyInfo
		if err := json.Unmarshal(made.(json.RawMessage), &k); err != nil {
			f.Fatal(err)
		}
		for _, op := range []string{`{"op":"key","form":"der","type":"pkcs8"}`, `{"op":"sign","hash":"sha256"}`, `{"op":"export","form":"jwk"}`} {
			f.Add(op, k.DER, []byte("data"), []byte("sixteen bytes iv"))
		}
	}
	for _, mode := range []string{"cbc", "ctr", "gcm", "gcm-stream", "kw", "ecb"} {
		f.Add(fmt.Sprintf(`{"op":"cipher","mode":%q,"tag":12,"counter":9,"decrypt":true,"pad":true,"skip":3}`, mode), make([]byte, 16), []byte("sixteen bytes iv"), make([]byte, 40))
	}
	f.Add(`{"op":"key","form":"jwk"}`, []byte(`{"kty":"RSA","n":"wQ","e":"AQAB","d":"wQ","p":"Bw","q":"Cw"}`), []byte(nil), []byte(nil))
	left := 0
	w := Work{Pause: func() error {
		if left--; left < 0 {
			return errors.New("enough")
		}
		return nil
	}}
	f.Fuzz(func(_ *testing.T, spec string, a, b, c []byte) {
		left = 20
		_, _ = w.Run([]byte(spec), [4][]byte{a, b, c, nil})
	})
}
