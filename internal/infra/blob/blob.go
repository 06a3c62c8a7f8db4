// Package blob keeps artefacts — bundles, resources, source maps — under the SHA-256
// of their bytes. What Put acknowledged survives a crash, and Get never returns bytes
// that do not have the hash that was asked for.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/annexhq/annex/internal/core/fault"
)

// Hash is the name of a blob: the SHA-256 of its bytes in lower-case hexadecimal.
type Hash string

// Sum is the name that Put gives to data.
func Sum(data []byte) Hash {
	s := sha256.Sum256(data)
	return Hash(hex.EncodeToString(s[:]))
}

// Valid reports whether the text has the form of a name. Names become paths, so
// everything that comes from outside is checked.
func (h Hash) Valid() bool {
	if len(h) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(h) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Store keeps blobs. Blobs are immutable, so any method may be called at any time.
type Store interface {
	// Put keeps data, durably when it returns, and gives its name.
	Put(ctx context.Context, data []byte) (Hash, error)
	// Get gives a blob's bytes: BLOB_NOT_FOUND, or BLOB_DAMAGED when what is stored
	// is not what was put.
	Get(ctx context.Context, h Hash) ([]byte, error)
	// Has reports whether there is such a blob.
	Has(ctx context.Context, h Hash) (bool, error)
}

func notFound(h Hash) error {
	return fault.New(fault.NotFound, "BLOB_NOT_FOUND", "a stored file is missing").
		WithFix("deploy the version again, restore the folder of stored files from a backup, or, if several servers share the database, give all of them one folder with --blobs").
		Because(fmt.Errorf("blob %s", h))
}

func damaged(h Hash) error {
	return fault.New(fault.Internal, "BLOB_DAMAGED", "a stored file was changed on disk").
		WithFix("deploy the version again, or restore the data directory from a backup").
		Because(fmt.Errorf("blob %s", h))
}
