package kvstore_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// durable is a store whose writes wait for the disk, as a server's do.
func durable(b *testing.B, url string) *kvstore.Store {
	b.Helper()
	d, err := db.Open(b.Context(), db.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	if err := d.Migrate(b.Context(), kvstore.Migrations); err != nil {
		b.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(b.TempDir(), "ring"), true)
	if err != nil {
		b.Fatal(err)
	}
	return kvstore.New(d, ring, nil)
}

func each(b *testing.B, bench func(b *testing.B, s *kvstore.Store)) {
	b.Run("sqlite", func(b *testing.B) {
		bench(b, durable(b, "sqlite:"+filepath.Join(b.TempDir(), "annex.db")))
	})
	b.Run("postgres", func(b *testing.B) { bench(b, durable(b, dbtest.PostgresURL(b))) })
}

func BenchmarkGet(b *testing.B) {
	each(b, func(b *testing.B, s *kvstore.Store) {
		sc := scope(b, "alice")
		if err := s.Set(b.Context(), sc, "k", []byte(`{"a":1}`), kvstore.SetOptions{}); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := s.Get(b.Context(), sc, "k"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSetAtOnce is many calls that each store a value.
func BenchmarkSetAtOnce(b *testing.B) {
	each(b, func(b *testing.B, s *kvstore.Store) {
		var n atomic.Int64
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			sc := scope(b, id.Install(fmt.Sprint("install", n.Add(1))))
			for i := 0; pb.Next(); i++ {
				if err := s.Set(b.Context(), sc, fmt.Sprint("k", i%100), []byte(`{"a":1}`), kvstore.SetOptions{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
