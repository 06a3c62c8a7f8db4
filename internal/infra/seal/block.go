package seal

import (
	"crypto/aes"
	"crypto/cipher"
)

// Block enciphers one id of 128 bits under a key: nobody without the key can tell the
// outcome from random, or make one that names an id. It hides ids that are public names;
// what has to stay unchanged or secret is sealed.
type Block struct{ block cipher.Block }

// NewBlock takes a key of 32 bytes.
func NewBlock(key []byte) (Block, error) {
	block, err := aes.NewCipher(key)
	return Block{block}, err
}

// Hide enciphers an id.
func (b Block) Hide(id [16]byte) (out [16]byte) {
	b.block.Encrypt(out[:], id[:])
	return out
}

// Show undoes Hide; for what Hide never made it gives something that is no id, nearly always.
func (b Block) Show(hidden [16]byte) (out [16]byte) {
	b.block.Decrypt(out[:], hidden[:])
	return out
}
