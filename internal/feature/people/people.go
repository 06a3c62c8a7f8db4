// Package people knows what the people of a product are called and look like, for the
// pages in which the platform draws what apps describe. Its promise: whoever looks learns
// of nobody whom the product would not show to them; nothing that one person, site or
// product was told is told to another; and a browser is given pictures, never the
// addresses at which they lie.
//
// It asks the product as the person who looks, with a credential of the platform's own, by
// what product.yaml says. No app takes part: none can ask, and none is given an answer.
package people

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/errgroup"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/netguard"
)

const (
	// MaxIDs are those of one question for names, MaxPictures for pictures.
	MaxIDs      = 50
	MaxPictures = 20
	// MaxText is the length of a text that is searched for, MaxFound how many are found.
	MaxText  = 100
	MaxFound = 50

	maxID     = 255
	maxName   = 300
	maxAnswer = 1 << 20
	atOnce    = 6
	patience  = 8 * time.Second
	slow      = 4 * time.Second

	// perMinute bounds what is asked of a product for one person who looks: an app can show
	// ids without end.
	perMinute = 600

	nameLife, pictureLife = time.Minute, 5 * time.Minute
	maxNames              = 20_000
	maxPictures           = 256
	maxPicture            = 64 << 10
)

// Viewer is the person who looks, at one product of one site.
type Viewer struct {
	Site    id.Site
	Product id.Product
	User    id.User
}

// Person is somebody as the viewer may know them.
type Person struct {
	ID, Name string
	// Picture says that there is one to ask for.
	Picture bool
}

// Directory is how a product is asked; see product.yaml.
type Directory struct {
	BaseURL                        *url.URL
	Person, Search, List, ID, Name string
	Avatar, AvatarPath             string
	AvatarHosts, Scopes            []string
}

// Directories gives a product's directory, nil for one that has none.
type Directories interface {
	Directory(ctx context.Context, product id.Product) (*Directory, error)
}

// Credential is what a question to a product carries.
type Credential struct {
	Header, Value string
	// Secret is the part of Value that nobody may see in an answer.
	Secret string
}

// Credentials proves to a product that the platform asks for a viewer.
type Credentials interface {
	Credential(ctx context.Context, v Viewer, scopes []string) (Credential, error)
}

// Network is the way out. It is *netguard.Guard.
type Network interface {
	Transport(class netguard.Class, tenant string) http.RoundTripper
}

// Config is what the service stands on; all of it is required but Now.
type Config struct {
	Directories Directories
	Credentials Credentials
	Network     Network
	Now         func() time.Time // time.Now when nil
}

// Service answers who somebody is. It is safe for concurrent use.
type Service struct {
	cfg      Config
	names    *expirable.LRU[key, known]
	pictures *expirable.LRU[key, []byte]
	paces    paces
}

// key is one person in the eyes of another: an answer is kept for nobody else.
type key struct {
	Viewer
	id string
}

func (v Viewer) of(account string) key { return key{v, account} }

// known is what a product said of an id; somebody unknown has no name.
type known struct {
	name, avatar string
}

// New makes the service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{
		cfg: cfg, names: expirable.NewLRU[key, known](maxNames, nil, nameLife), pictures: expirable.NewLRU[key, []byte](maxPictures, nil, pictureLife),
		paces: paces{used: map[Viewer]int{}},
	}
}

// Get gives those of ids whom the viewer may know, each once.
func (s *Service) Get(ctx context.Context, v Viewer, ids []string) ([]Person, error) {
	d, err := s.directory(ctx, v)
	if err != nil {
		return nil, err
	}
	if ids, err = distinct(ids, MaxIDs); err != nil {
		return nil, err
	}
	all, err := s.resolve(ctx, d, v, ids)
	out := []Person{}
	for i, k := range all {
		if k.name != "" {
			out = append(out, Person{ids[i], k.name, d.hasPicture(k)})
		}
	}
	if len(out) > 0 {
		err = nil // the others are not found now
	}
	return out, err
}

// Search gives people whose name holds a text, as the product finds them.
func (s *Service) Search(ctx context.Context, v Viewer, text string) ([]Person, error) {
	d, err := s.directory(ctx, v)
	if err != nil {
		return nil, err
	}
	if !plain(text) || utf8.RuneCountInString(text) > MaxText {
		return nil, fault.New(fault.Usage, "BAD_SEARCH", "a text that is searched for has at most %d characters, none of them invisible", MaxText)
	}
	if d.Search == "" {
		return []Person{}, nil
	}
	if err := s.paces.take(s.cfg.Now(), v); err != nil {
		return nil, err
	}
	found, err := s.search(ctx, d, v, text)
	if err != nil {
		return nil, err
	}
	out := []Person{}
	for _, p := range found[:min(len(found), MaxFound)] {
		s.names.Add(v.of(p.id), p.known)
		out = append(out, Person{p.id, p.name, d.hasPicture(p.known)})
	}
	return out, nil
}

// Pictures gives the pictures of those whom the viewer may know, drawn anew. Who has none, or
// one that cannot be had, is not among them.
func (s *Service) Pictures(ctx context.Context, v Viewer, ids []string) (map[string][]byte, error) {
	d, err := s.directory(ctx, v)
	if err != nil {
		return nil, err
	}
	if ids, err = distinct(ids, MaxPictures); err != nil {
		return nil, err
	}
	all, err := s.resolve(ctx, d, v, ids)
	drawn := make([][]byte, len(ids))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, k := range all {
		if k.name != "" && d.hasPicture(k) {
			g.Go(func() error {
				drawn[i] = s.picture(ctx, d, v, ids[i], k)
				return nil
			})
		}
	}
	_ = g.Wait() // none fails
	out := map[string][]byte{}
	for i, p := range drawn {
		if len(p) > 0 {
			out[ids[i]], err = p, nil
		}
	}
	return out, err
}

func (s *Service) directory(ctx context.Context, v Viewer) (*Directory, error) {
	d, err := s.cfg.Directories.Directory(ctx, v.Product)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fault.New(fault.NotFound, "NO_PEOPLE", "the product %s does not say who its people are", v.Product).WithFix("its operator declares people in product.yaml")
	}
	return d, nil
}

// resolve is what is known of each id; err is why not all could be asked.
func (s *Service) resolve(ctx context.Context, d *Directory, v Viewer, ids []string) ([]known, error) {
	out := make([]known, len(ids))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, account := range ids {
		if k, ok := s.names.Get(v.of(account)); ok {
			out[i] = k
			continue
		}
		g.Go(func() error {
			if err := s.paces.take(s.cfg.Now(), v); err != nil {
				return err
			}
			k, err := s.person(ctx, d, v, account)
			if err != nil {
				return err
			}
			s.names.Add(v.of(account), k)
			out[i] = k
			return nil
		})
	}
	return out, g.Wait()
}

// distinct is each id once; there are some, and not too many.
func distinct(ids []string, most int) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	for _, x := range ids {
		if x == "" || len(x) > maxID || !plain(x) {
			return nil, fault.New(fault.Usage, "BAD_ID", "an account id has 1 to %d bytes, none of them invisible", maxID)
		}
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	if len(out) == 0 || len(out) > most {
		return nil, fault.New(fault.Usage, "TOO_MANY_PEOPLE", "one question is about 1 to %d people", most)
	}
	return out, nil
}

func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) })
}
