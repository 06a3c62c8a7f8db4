package crypt

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"hash"
	"testing"
)

// meter counts what is hashed between two pauses, whoever hashes it and whatever the
// operation itself believes to have done.
type meter struct{ now, most, all, pauses int }

func (m *meter) add(n int) { m.now += n; m.all += n; m.most = max(m.most, m.now) }

func (m *meter) pause() error { m.pauses++; m.now = 0; return nil }

// metered is a hash that tells of its work: of what is written, and of each sum, which
// costs a block or two.
type metered struct {
	hash.Hash
	m *meter
}

func (h metered) Write(b []byte) (int, error) { h.m.add(len(b)); return h.Hash.Write(b) }

func (h metered) Sum(b []byte) []byte { h.m.add(h.BlockSize()); return h.Hash.Sum(b) }

func (h metered) Clone() (hash.Cloner, error) {
	c, err := h.Hash.(hash.Cloner).Clone()
	if err != nil {
		return nil, err
	}
	return metered{c, h.m}, nil
}

// mostAtOnce is what an operation may hash between two pauses: some milliseconds' work.
const mostAtOnce = 1 << 20

// TestHashingPauses: what hashes, hashes little between two pauses, whichever of its
// arguments is as large as can be.
func TestHashingPauses(t *testing.T) {
	var count meter
	crypto.RegisterHash(crypto.SHA256, func() hash.Hash { return metered{sha256.New(), &count} })
	crypto.RegisterHash(crypto.SHA512, func() hash.Hash { return metered{sha512.New(), &count} })
	defer crypto.RegisterHash(crypto.SHA256, sha256.New)
	defer crypto.RegisterHash(crypto.SHA512, sha512.New)
	rsa := generate(t, newKeys["rsa"])
	large, salt, info := make([]byte, MaxData), make([]byte, maxSalt), make([]byte, maxInfo)
	for _, c := range []struct {
		spec m
		data [][]byte
		most int // that the whole operation may hash
	}{
		{m{"op": "pbkdf2", "hash": "sha256", "iterations": 1, "length": maxDerived}, [][]byte{large, salt}, 64 << 20},
		{m{"op": "pbkdf2", "hash": "sha512", "iterations": 5, "length": maxDerived}, [][]byte{large, salt}, 128 << 20},
		{m{"op": "hkdf", "hash": "sha512", "length": 255 * 64}, [][]byte{large, salt, info}, 64 << 20},
		{m{"op": "scrypt", "n": 2, "r": 8, "p": maxScryptBlocks / 1024, "length": 64}, [][]byte{large, salt}, 128 << 20},
		{m{"op": "scrypt", "n": 2, "r": 1 << 12, "p": 2, "length": maxDerived}, [][]byte{large, salt}, 128 << 20},
		{m{"op": "sign", "hash": "sha512"}, [][]byte{rsa.DER, large}, 64 << 20},
		{m{"op": "seal", "oaep": true, "hash": "sha256"}, [][]byte{rsa.DER, []byte("x"), make([]byte, maxLabel)}, 1 << 20},
	} {
		count = meter{}
		if _, err := runMetered(c.spec, &count, c.data...); err != nil {
			t.Fatalf("%v: %v", c.spec, err)
		}
		if count.most > mostAtOnce || count.all > c.most {
			t.Errorf("%v: %d bytes hashed, of these %d without a pause", c.spec, count.all, count.most)
		}
	}
	for _, c := range []struct {
		spec m
		data [][]byte
	}{
		{m{"op": "pbkdf2", "hash": "sha256", "iterations": 1, "length": 32}, [][]byte{nil, large}},
		{m{"op": "hkdf", "hash": "sha256", "length": 32}, [][]byte{nil, nil, large}},
		{m{"op": "hkdf", "hash": "sha256", "length": 32}, [][]byte{nil, large, nil}},
		{m{"op": "scrypt", "n": 2, "r": 1, "p": 1, "length": 32}, [][]byte{nil, large}},
		{m{"op": "seal", "oaep": true, "hash": "sha256"}, [][]byte{rsa.DER, []byte("x"), large}},
		{m{"op": "seal", "oaep": true, "hash": "sha256", "decrypt": true}, [][]byte{rsa.DER, make([]byte, 128), large}},
	} {
		count = meter{}
		_, err := runMetered(c.spec, &count, c.data...)
		var ours *Error
		if !errors.As(err, &ours) || count.all > 4096 {
			t.Errorf("%v: %v after %d bytes", c.spec, err, count.all)
		}
	}
}

// TestCiphersPause: a pause for each piece of the data; what goes at one go takes less.
func TestCiphersPause(t *testing.T) {
	key, iv, large := make([]byte, 32), make([]byte, 16), make([]byte, MaxData)
	for _, mode := range []string{"cbc", "ecb", "ctr", "gcm-stream"} {
		var count meter
		reserved := 0
		w := Work{Pause: count.pause, Reserve: func(n int) error { reserved += n; return nil }}
		if _, err := runOn(w, m{"op": "cipher", "mode": mode, "pad": true}, key, iv, large); err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		if count.pauses < MaxData/mostAtOnce || reserved < MaxData {
			t.Errorf("%s: %d pauses, %d bytes reserved", mode, count.pauses, reserved)
		}
	}
	ed := generate(t, newKeys["ed25519"])
	for _, c := range []struct {
		spec m
		data [][]byte
	}{
		{m{"op": "cipher", "mode": "gcm", "tag": 16}, [][]byte{key, iv, large[:maxSealed+1]}},
		{m{"op": "cipher", "mode": "gcm", "tag": 16}, [][]byte{key, iv, nil, large[:maxSealed+1]}},
		{m{"op": "cipher", "mode": "gcm", "tag": 16, "decrypt": true}, [][]byte{key, iv, large[:maxSealed], large[:16]}},
		{m{"op": "cipher", "mode": "gcm", "tag": 16}, [][]byte{key, large[:maxNonce+1], nil, nil}},
		{m{"op": "cipher", "mode": "gcm-stream"}, [][]byte{key, large, nil}},
		{m{"op": "sign"}, [][]byte{ed.DER, large[:maxSigned+1]}},
		{m{"op": "verify"}, [][]byte{ed.DER, large[:maxSigned+1], large[:64]}},
	} {
		var ours *Error
		if _, err := try(c.spec, c.data...); !errors.As(err, &ours) || ours.Code != "ERR_OUT_OF_RANGE" {
			t.Errorf("%v: %v", c.spec, err)
		}
	}
}

// TestMemoryIsAskedFor: an operation that needs much memory beside its data asks for it
// before it takes it.
func TestMemoryIsAskedFor(t *testing.T) {
	full := errors.New("full")
	for _, c := range []struct {
		spec m
		data [][]byte
		most int
	}{
		{m{"op": "scrypt", "n": 1 << 16, "r": 8, "p": 1, "length": 64}, nil, maxScrypt},
		{m{"op": "cipher", "mode": "cbc"}, [][]byte{make([]byte, 32), make([]byte, 16), make([]byte, 8<<20)}, 8 << 20},
		{m{"op": "cipher", "mode": "gcm", "tag": 16}, [][]byte{make([]byte, 32), make([]byte, 12), make([]byte, 8<<20)}, 8 << 20},
	} {
		asked := 0
		w := Work{Pause: func() error { return nil }, Reserve: func(n int) error {
			asked += n
			return full
		}}
		if _, err := runOn(w, c.spec, c.data...); !errors.Is(err, full) || asked < c.most {
			t.Errorf("%v: %v, asked for %d", c.spec, err, asked)
		}
	}
}

func runMetered(spec m, count *meter, data ...[]byte) (any, error) {
	return runOn(Work{Pause: count.pause}, spec, data...)
}

func runOn(w Work, spec m, data ...[]byte) (any, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var four [4][]byte
	copy(four[:], data)
	return w.Run(text, four)
}
