package hosting

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// labels names installations by labels that nobody can guess: an installation's id, which
// is 128 bits, enciphered as one block under a key of the server. Whoever does not have the
// key cannot tell a label from random, and any server that has it can tell whose one is
// without looking it up. A label stays the same for the life of the installation.
type labels struct{ block seal.Block }

func newLabels(key []byte) (*labels, error) {
	block, err := seal.NewBlock(key)
	return &labels{block}, err
}

func (l *labels) of(install id.Install) (string, error) {
	u, err := uuid.Parse(string(install))
	if err != nil {
		return "", err
	}
	hidden := l.block.Hide(u)
	return hex.EncodeToString(hidden[:]), nil
}

// whose is the installation that a label would name; whether there is one is not said.
func (l *labels) whose(label string) (id.Install, bool) {
	raw, err := hex.DecodeString(label)
	if err != nil || len(raw) != len(uuid.UUID{}) || hex.EncodeToString(raw) != label {
		return "", false
	}
	u := uuid.UUID(l.block.Show([16]byte(raw)))
	// Ids are of two kinds. What a guess deciphers to is of neither, nearly always: then
	// nothing is looked up.
	if u.Variant() != uuid.RFC4122 || u.Version() != 7 && u.Version() != 4 {
		return "", false
	}
	return id.Install(u.String()), true
}

var keyPlace = seal.Place{Table: "app_origins", Column: "sealed", Row: "1"}

// openKey gives the key of labels, which the first server makes. It is sealed anew at each
// start, so that it follows the key ring.
func openKey(ctx context.Context, d *db.DB, s Sealer) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	sealed, err := s.Seal(seal.ForPlatform(), seal.AppOrigins, keyPlace, fresh)
	if err != nil {
		return nil, err
	}
	if _, err := d.Exec(ctx, putKey, sealed); err != nil {
		return nil, err
	}
	if err := d.QueryRow(ctx, getKey).Scan(&sealed); err != nil {
		return nil, err
	}
	key, err := s.Open(seal.ForPlatform(), seal.AppOrigins, keyPlace, sealed)
	if err != nil {
		return nil, err
	}
	if len(key) != len(fresh) {
		return nil, errors.New("hosting: the key of origins has another length")
	}
	again, err := s.Seal(seal.ForPlatform(), seal.AppOrigins, keyPlace, key)
	if err != nil {
		return nil, err
	}
	_, err = d.Exec(ctx, resealKey, again)
	return key, err
}
