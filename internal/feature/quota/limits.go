package quota

import (
	"bytes"
	"io"
	"reflect"

	yaml "go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Figures are what a minute may have; 0 takes the default, a negative one bounds nothing.
type Figures struct {
	Calls        int `yaml:"calls"`
	Outbound     int `yaml:"outbound"`
	ProductCalls int `yaml:"productCalls"`
	Pushes       int `yaml:"pushes"`
	LogLines     int `yaml:"logLines"`
	// StorageReads and StorageWrites are operations of at most 10 KB; larger ones count as several.
	StorageReads  int `yaml:"storageReads"`
	StorageWrites int `yaml:"storageWrites"`
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
	// Storage is what one installation may store.
	Storage Storage `yaml:"storage"`
}

// Storage bounds what is stored.
type Storage struct {
	Keys  int64 `yaml:"keys"`
	Bytes int64 `yaml:"bytes"`
}

// Defaults are the figures where nothing else is said (forge-facts 5.4, 9.1, 11.4).
var Defaults = Limits{
	Installation: Figures{Calls: 5000, Outbound: 12_000, ProductCalls: 5000, Pushes: 500, LogLines: 6000, StorageReads: 60_000, StorageWrites: 60_000},
	App:          Figures{Calls: 30_000, Outbound: 50_000, ProductCalls: 50_000, Pushes: 30_000, LogLines: 60_000, StorageReads: 600_000, StorageWrites: 600_000},
	Site:         Figures{Calls: 60_000, Outbound: 100_000, ProductCalls: 60_000, Pushes: 30_000, LogLines: 60_000, StorageReads: 600_000, StorageWrites: 600_000},
	User:         Figures{Calls: 1200, ProductCalls: 1200},
	Storage:      Storage{Keys: 1_000_000, Bytes: 1 << 30},
}

// None bounds nothing but what is stored.
func None() Limits {
	all := Figures{Calls: -1, Outbound: -1, ProductCalls: -1, Pushes: -1, LogLines: -1, StorageReads: -1, StorageWrites: -1}
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
	l.defaults()
	return l, nil
}

func (l *Limits) defaults() {
	fill(&l.Installation, Defaults.Installation)
	fill(&l.App, Defaults.App)
	fill(&l.Site, Defaults.Site)
	fill(&l.User, Defaults.User)
	if l.Storage.Keys == 0 {
		l.Storage.Keys = Defaults.Storage.Keys
	}
	if l.Storage.Bytes == 0 {
		l.Storage.Bytes = Defaults.Storage.Bytes
	}
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
