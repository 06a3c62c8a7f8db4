package quota

import (
	"bytes"
	"io"
	"reflect"
	"slices"

	yaml "go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Figures are what a minute may have, and what may be stored; 0 takes the default, a negative one bounds nothing.
type Figures struct {
	Calls        int `yaml:"calls"`
	Outbound     int `yaml:"outbound"`
	ProductCalls int `yaml:"productCalls"`
	Pushes       int `yaml:"pushes"`
	LogLines     int `yaml:"logLines"`
	// StorageReads and StorageWrites are operations of at most 10 KB; larger ones count as several.
	StorageReads  int `yaml:"storageReads"`
	StorageWrites int `yaml:"storageWrites"`
	// StoredKeys and StoredBytes are what may be stored, whenever it was.
	StoredKeys  int `yaml:"storedKeys"`
	StoredBytes int `yaml:"storedBytes"`
	// Queued and QueuedBytes are what an installation may have queued, dead letters included.
	Queued      int `yaml:"queued"`
	QueuedBytes int `yaml:"queuedBytes"`
}

// Limits are the figures of a server.
type Limits struct {
	Installation Figures `yaml:"installation"`
	App          Figures `yaml:"app"` // all installations of one environment
	Site         Figures `yaml:"site"`
	User         Figures `yaml:"user"` // of one app's environment on one site
	// Installations and Apps have figures of their own for one installation each, by its
	// id or its app's.
	Installations map[string]Figures `yaml:"installations"`
	Apps          map[string]Figures `yaml:"apps"`
	// Storage is what one installation may store where Installation does not say it.
	Storage Storage `yaml:"storage"`
}

// Storage bounds what is stored.
type Storage struct {
	Keys  int64 `yaml:"keys"`
	Bytes int64 `yaml:"bytes"`
}

// Defaults are the figures where nothing else is said (forge-facts 5.4, 9.1, 11.4).
var Defaults = Limits{
	Installation: Figures{Calls: 5000, Outbound: 12_000, ProductCalls: 5000, Pushes: 500, LogLines: 6000, StorageReads: 60_000, StorageWrites: 60_000, Queued: 2_000_000, QueuedBytes: 1 << 30},
	App:          Figures{Calls: 30_000, Outbound: 50_000, ProductCalls: 50_000, Pushes: 30_000, LogLines: 60_000, StorageReads: 600_000, StorageWrites: 600_000, StoredKeys: 100_000_000, StoredBytes: 100 << 30},
	Site:         Figures{Calls: 60_000, Outbound: 100_000, ProductCalls: 60_000, Pushes: 30_000, LogLines: 60_000, StorageReads: 600_000, StorageWrites: 600_000, StoredKeys: 50_000_000, StoredBytes: 50 << 30},
	User:         Figures{Calls: 1200, ProductCalls: 1200},
	Storage:      Storage{Keys: 1_000_000, Bytes: 1 << 30},
}

// None bounds nothing but what is stored.
func None() Limits {
	all := Figures{Calls: -1, Outbound: -1, ProductCalls: -1, Pushes: -1, LogLines: -1, StorageReads: -1, StorageWrites: -1, Queued: -1, QueuedBytes: -1}
	return Limits{Installation: all, App: all, Site: all, User: all, Storage: Defaults.Storage}
}

// Read reads an operator's file.
func Read(text []byte) (Limits, error) {
	var l Limits
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&l); err != nil && err != io.EOF { //nolint:errorlint // Decode gives it bare
		return l, fault.New(fault.Usage, "QUOTAS", "the quotas cannot be read: %v", err).
			WithFix("write, for instance, installation: {calls: 5000, pushes: 500}")
	}
	if l.Storage.Keys < 0 || l.Storage.Bytes < 0 {
		return l, fault.New(fault.Usage, "QUOTAS", "what may be stored has a bound").WithFix("write storage: {keys: 1000000, bytes: 1073741824}")
	}
	stored := func(f Figures) bool { return f.StoredKeys < 0 || f.StoredBytes < 0 }
	unbounded := stored(l.Installation)
	for _, some := range []map[string]Figures{l.Installations, l.Apps} {
		for _, f := range some {
			unbounded = unbounded || stored(f)
		}
	}
	switch {
	case unbounded:
		return l, fault.New(fault.Usage, "QUOTAS", "what an installation may store has a bound").WithFix("write installation: {storedKeys: 1000000, storedBytes: 1073741824}")
	case slices.ContainsFunc([]Figures{l.App, l.Site, l.User}, func(f Figures) bool { return f.Queued != 0 || f.QueuedBytes != 0 }):
		return l, fault.New(fault.Usage, "QUOTAS", "what is queued is an installation's").WithFix("leave queued and queuedBytes out of app, site and user")
	case l.User.StoredKeys != 0 || l.User.StoredBytes != 0:
		return l, fault.New(fault.Usage, "QUOTAS", "what is stored is not a user's").WithFix("leave storedKeys and storedBytes out of user")
	}
	l.defaults()
	return l, nil
}

func (l *Limits) defaults() {
	if l.Storage.Keys == 0 {
		l.Storage.Keys = Defaults.Storage.Keys
	}
	if l.Storage.Bytes == 0 {
		l.Storage.Bytes = Defaults.Storage.Bytes
	}
	fill(&l.Installation, Figures{StoredKeys: int(l.Storage.Keys), StoredBytes: int(l.Storage.Bytes)})
	fill(&l.Installation, Defaults.Installation)
	fill(&l.App, Defaults.App)
	fill(&l.Site, Defaults.Site)
	fill(&l.User, Defaults.User)
}

// fill gives each figure that is not said the default's.
func fill(f *Figures, from Figures) {
	to, def := reflect.ValueOf(f).Elem(), reflect.ValueOf(from)
	for i := range to.NumField() {
		if to.Field(i).Int() == 0 {
			to.Field(i).SetInt(def.Field(i).Int())
		}
	}
}

// Of are the figures of one installation.
func (l Limits) Of(app id.App, install id.Install) Figures {
	if len(l.Installations) == 0 && len(l.Apps) == 0 {
		return l.Installation
	}
	out := l.Installations[string(install)]
	fill(&out, l.Apps[string(app)])
	fill(&out, l.Installation)
	return out
}

// Queued is what an installation may have queued; a negative figure bounds nothing.
func (s *Service) Queued(p *call.Policy) (jobs, bytes int64) {
	f := s.cfg.Limits.Of(p.App, p.Install)
	return int64(f.Queued), int64(f.QueuedBytes)
}

// Stored is what an installation may store, all of its app's environment together, and all
// of its site; a negative figure bounds nothing.
func (s *Service) Stored(app id.App, install id.Install) (installation, all, site Storage) {
	l := s.cfg.Limits
	f := l.Of(app, install)
	return Storage{int64(f.StoredKeys), int64(f.StoredBytes)}, Storage{int64(l.App.StoredKeys), int64(l.App.StoredBytes)}, Storage{int64(l.Site.StoredKeys), int64(l.Site.StoredBytes)}
}
