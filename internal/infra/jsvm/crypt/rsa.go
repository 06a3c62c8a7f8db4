package crypt

import (
	"crypto/rand"
	"crypto/rsa"
)

// seal encrypts to an RSA key, or decrypts with one.
func (w Work) seal(s Spec, der, data, label []byte) (any, error) {
	key, err := load(der)
	if err != nil {
		return nil, err
	}
	if len(label) > maxLabel {
		return nil, tooLong("a label", len(label), maxLabel)
	}
	if err := w.Pause(); err != nil {
		return nil, err
	}
	if s.Decrypt {
		k, ok := key.(*rsa.PrivateKey)
		if !ok {
			return nil, &Error{"TypeError", "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE", "a private RSA key is needed"}
		}
		return w.open(s, k, data, label)
	}
	k, ok := key.(*rsa.PublicKey)
	if p, private := key.(*rsa.PrivateKey); private {
		k, ok = &p.PublicKey, true
	}
	if !ok {
		return nil, &Error{"TypeError", "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE", "an RSA key is needed"}
	}
	var out []byte
	if s.OAEP {
		hash, herr := hashOf(s.Hash)
		if herr != nil {
			return nil, herr
		}
		out, err = rsa.EncryptOAEP(hash.New(), rand.Reader, k, data, label)
	} else {
		//lint:ignore SA1019 apps encrypt as their peers ask for
		out, err = rsa.EncryptPKCS1v15(rand.Reader, k, data)
	}
	if err != nil {
		return nil, &Error{errOperation, "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE", "the data cannot be encrypted to this key: " + err.Error()}
	}
	return out, nil
}

// open decrypts. All that can be wrong with the data is one error, so that it tells
// nothing about the padding.
func (w Work) open(s Spec, k *rsa.PrivateKey, data, label []byte) (any, error) {
	var out []byte
	var err error
	if s.OAEP {
		hash, herr := hashOf(s.Hash)
		if herr != nil {
			return nil, herr
		}
		out, err = rsa.DecryptOAEP(hash.New(), nil, k, data, label)
	} else {
		//lint:ignore SA1019 apps decrypt what their peers send
		out, err = rsa.DecryptPKCS1v15(nil, k, data)
	}
	if err != nil {
		return nil, &Error{errOperation, "ERR_OSSL_RSA_OAEP_DECODING_ERROR", "the data cannot be decrypted with this key"}
	}
	return out, nil
}
