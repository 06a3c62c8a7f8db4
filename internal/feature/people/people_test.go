package people

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// world is a product whose people a test makes up. It notes what it is asked.
type world struct {
	*Service
	mu     sync.Mutex
	asked  []string // "CREDENTIAL METHOD URL"
	answer func(r *http.Request) (int, string)
	dir    *Directory
	now    time.Time
}

func (w *world) Directory(context.Context, id.Product) (*Directory, error) { return w.dir, nil }

func (w *world) Credential(_ context.Context, v Viewer, scopes []string) (Credential, error) {
	secret := fmt.Sprintf("secret-of-%s-%s", v.Site, v.User)
	return Credential{Header: "Authorization", Value: "Bearer " + secret, Secret: secret}, nil
}

func (w *world) Transport(class netguard.Class, _ string) http.RoundTripper {
	if class != netguard.Operator {
		panic("the product's people are asked for as " + class.String())
	}
	return w
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, strings.TrimSpace(r.Header.Get("Authorization")+" "+r.URL.String()))
	answer := w.answer
	w.mu.Unlock()
	status, body := answer(r)
	h := http.Header{}
	if status == http.StatusFound {
		h.Set("Location", body)
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

func (w *world) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.asked
	w.asked = nil
	return out
}

func newWorld() *world {
	base, _ := url.Parse("https://desk.example/api")
	w := &world{now: time.Unix(1e9, 0), dir: &Directory{
		BaseURL: base, Person: "/users/{id}", Search: "/users?q={text}&limit=5", List: "found.people", ID: "login", Name: "profile.name", Avatar: "profile.face", AvatarHosts: []string{"https://faces.example"},
	}}
	w.answer = func(r *http.Request) (int, string) {
		switch who := strings.TrimPrefix(r.URL.Path, "/api/users/"); who {
		case "bob", "a/b c":
			return 200, fmt.Sprintf(`{"login": %q, "profile": {"name": " Bob of %s ", "face": "/faces/bob.png"}}`, who, r.Header.Get("Authorization"))
		case "7":
			return 200, `{"login": 7, "profile": {"name": "Seven"}}`
		case "other":
			return 200, `{"login": "bob", "profile": {"name": "Bob"}}`
		case "broken":
			return 500, ""
		}
		return 404, ""
	}
	w.Service = New(Config{Directories: w, Credentials: w, Network: w, Now: func() time.Time { return w.now }})
	return w
}

var alice = Viewer{Site: "acme", Product: "desk", User: "alice"}

func TestPeopleAreAskedAsWhoLooks(t *testing.T) {
	w := newWorld()
	got, err := w.Get(t.Context(), alice, []string{"bob", "bob", "7", "nobody", "other", "a/b c"})
	if err != nil || len(got) != 3 || got[0].ID != "bob" || !got[0].Picture || got[1] != (Person{"7", "Seven", false}) || got[2].ID != "a/b c" {
		t.Fatalf("%v %v", got, err)
	}
	if strings.Contains(fmt.Sprint(got), "secret-of") || !strings.HasPrefix(got[0].Name, "Bob of ") {
		t.Errorf("a product that echoes the credential shows it: %v", got)
	}
	asked := w.took()
	if len(asked) != 5 || !strings.Contains(strings.Join(asked, "\n"), "Bearer secret-of-acme-alice https://desk.example/api/users/a%2Fb%20c") {
		t.Errorf("%q", asked)
	}
	// What is known is not asked again, not even that somebody is unknown.
	if _, err := w.Get(t.Context(), alice, []string{"bob", "nobody"}); err != nil || len(w.took()) != 0 {
		t.Errorf("asked again: %v", err)
	}
	for _, v := range []Viewer{{"acme", "desk", "bob"}, {"other", "desk", "alice"}, {"acme", "house", "alice"}} {
		if _, err := w.Get(t.Context(), v, []string{"bob"}); err != nil || len(w.took()) != 1 {
			t.Errorf("%v is told what another was told: %v", v, err)
		}
	}
}

func TestTroubleIsNotKept(t *testing.T) {
	w := newWorld()
	if _, err := w.Get(t.Context(), alice, []string{"broken"}); fault.CodeOf(err) != "PEOPLE_UNAVAILABLE" {
		t.Errorf("%v", err)
	}
	if got, err := w.Get(t.Context(), alice, []string{"broken", "bob"}); err != nil || len(got) != 1 {
		t.Errorf("one failure hides the others: %v %v", got, err)
	}
	if asked := w.took(); len(asked) != 3 {
		t.Errorf("%q", asked)
	}
	w.dir = nil
	if _, err := w.Get(t.Context(), alice, []string{"bob"}); fault.CodeOf(err) != "NO_PEOPLE" {
		t.Errorf("%v", err)
	}
}

func TestSearchesOfPeople(t *testing.T) {
	w := newWorld()
	w.answer = func(*http.Request) (int, string) {
		return 200, `{"found": {"people": [{"login": "bob", "profile": {"name": "Bob"}}, {"login": ""}, 7, {"login": "c", "profile": {"name": "` + strings.Repeat("ä", 400) + `"}}]}}`
	}
	got, err := w.Search(t.Context(), alice, "b&x={id}")
	if err != nil || len(got) != 2 || got[0] != (Person{"bob", "Bob", false}) || len(got[1].Name) > maxName {
		t.Errorf("%v %v", got, err)
	}
	if asked := w.took(); len(asked) != 1 || !strings.HasSuffix(asked[0], "/api/users?q=b%26x%3D%7Bid%7D&limit=5") {
		t.Errorf("%q", asked)
	}
	if _, err := w.Get(t.Context(), alice, []string{"bob"}); err != nil || len(w.took()) != 0 {
		t.Error("who was found is asked for again")
	}
	if _, err := w.Search(t.Context(), alice, strings.Repeat("x", MaxText+1)); fault.CodeOf(err) != "BAD_SEARCH" {
		t.Errorf("%v", err)
	}
	w.dir.Search = ""
	if got, err := w.Search(t.Context(), alice, "b"); err != nil || len(got) != 0 || len(w.took()) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func face() string {
	var out bytes.Buffer
	_ = png.Encode(&out, image.NewNRGBA(image.Rect(0, 0, 8, 8)))
	return out.String()
}

// An address in a profile is its owner's to write: it is followed to the product's own API
// and to hosts that the operator named, with no credential, and no further.
func TestPicturesComeFromNamedHosts(t *testing.T) {
	for address, asks := range map[string]string{
		"/faces/bob.png":                                                   "https://desk.example/faces/bob.png",
		"https://desk.example:443/bob.png#x":                               "https://desk.example:443/bob.png",
		"https://FACES.example/b?s=48":                                     "https://FACES.example/b?s=48",
		"https://faces.example:8443/bob.png":                               "",
		"http://faces.example/bob.png":                                     "",
		"https://evil.example/bob.png":                                     "",
		"//evil.example/bob.png":                                           "",
		"https://desk.example@evil.example/bob.png":                        "",
		"https://u:p@faces.example/bob.png":                                "",
		"https://faces.example.evil.example/bob.png":                       "",
		"data:image/png;base64,AAAA":                                       "",
		"https:faces.example/bob.png":                                      "",
		`https:\\evil.example\bob.png`:                                     "",
		"https://169.254.169.254/latest":                                   "",
		"https://faces.example/" + string(bytes.Repeat([]byte("x"), 2000)): "",
	} {
		w := newWorld()
		w.answer = func(r *http.Request) (int, string) {
			if r.Header.Get("Authorization") != "" {
				return 200, fmt.Sprintf(`{"login": "bob", "profile": {"name": "Bob", "face": %q}}`, address)
			}
			return 200, face()
		}
		got, err := w.Pictures(t.Context(), alice, []string{"bob"})
		asked := w.took()[1:]
		switch {
		case err != nil:
			t.Errorf("%s: %v", address, err)
		case asks == "" && (len(asked) != 0 || len(got) != 0):
			t.Errorf("%s: asked %q", address, asked)
		case asks != "" && (len(asked) != 1 || asked[0] != asks || !bytes.HasPrefix(got["bob"], []byte("\x89PNG"))):
			t.Errorf("%s: asked %q, %d pictures", address, asked, len(got))
		}
		// One that is had, or cannot be, is not asked for again.
		if _, _ = w.Pictures(t.Context(), alice, []string{"bob"}); len(w.took()) != 0 {
			t.Errorf("%s: asked again", address)
		}
	}
}

func TestOnlyPicturesAreGiven(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (int, string){
		"a page":     func(*http.Request) (int, string) { return 200, "<html>secret</html>" },
		"a redirect": func(*http.Request) (int, string) { return 302, "https://evil.example/x.png" },
		"nothing":    func(*http.Request) (int, string) { return 404, "" },
	} {
		w := newWorld()
		w.dir.Avatar, w.dir.AvatarPath = "/faces/{id}", "/faces/{id}"
		people := w.answer
		w.answer = func(r *http.Request) (int, string) {
			if strings.HasPrefix(r.URL.Path, "/api/faces/") {
				return answer(r)
			}
			return people(r)
		}
		got, err := w.Pictures(t.Context(), alice, []string{"bob", "nobody"})
		if asked := w.took(); err != nil || len(got) != 0 || len(asked) != 3 || asked[2] != "Bearer secret-of-acme-alice https://desk.example/api/faces/bob" {
			t.Errorf("%s: %v %v, asked %q", name, got, err, asked)
		}
	}
}

func TestQuestionsHaveLimits(t *testing.T) {
	w := newWorld()
	for _, ids := range [][]string{nil, {}, {""}, {"a\nb"}, {"a\u202eb"}, {strings.Repeat("x", maxID+1)}, {"\xff"}} {
		if _, err := w.Get(t.Context(), alice, ids); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: %v", ids, err)
		}
	}
	many := func(n, from int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint("x", from+i))
		}
		return out
	}
	if _, err := w.Get(t.Context(), alice, many(MaxIDs+1, 0)); fault.CodeOf(err) != "TOO_MANY_PEOPLE" {
		t.Errorf("%v", err)
	}
	if _, err := w.Pictures(t.Context(), alice, many(MaxPictures+1, 0)); fault.CodeOf(err) != "TOO_MANY_PEOPLE" {
		t.Errorf("%v", err)
	}
	for n := 0; n < perMinute; n += MaxIDs {
		if _, err := w.Get(t.Context(), alice, many(MaxIDs, n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Get(t.Context(), alice, []string{"one more"}); fault.CodeOf(err) != "LIMIT_PEOPLE" {
		t.Errorf("%v", err)
	}
	if asked := w.took(); len(asked) != perMinute {
		t.Errorf("%d", len(asked))
	}
	if _, err := w.Get(t.Context(), Viewer{"acme", "desk", "bob"}, []string{"bob"}); err != nil {
		t.Errorf("another viewer: %v", err)
	}
	w.now = w.now.Add(61 * time.Second)
	if got, err := w.Get(t.Context(), alice, []string{"bob"}); err != nil || len(got) != 1 {
		t.Errorf("a minute later: %v", err)
	}
}
