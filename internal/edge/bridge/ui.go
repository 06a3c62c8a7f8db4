package bridge

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/uikit"
	"github.com/annexhq/annex/internal/infra/pagelink"
)

// Interfaces keeps the sessions of UI Kit.
type Interfaces interface {
	Open(ctx context.Context, who uikit.Person, spec uikit.Spec) (string, error)
	Event(ctx context.Context, who uikit.Person, session string, e uikit.Event) error
	Stream(ctx context.Context, who uikit.Person, session string, seen uint64, signedIn func(context.Context) error, write func([]byte) error) error
	End(ctx context.Context, who uikit.Person, session string, last []uikit.Event) error
	// EndPerson ends what a session of the bridge opened.
	EndPerson(session string)
}

func (b *Bridge) uiRoutes() {
	b.mux.HandleFunc("POST /bridge/ui", b.answer(b.openUI))
	b.mux.HandleFunc("POST /bridge/ui/{session}/stream", b.streamUI)
	b.mux.HandleFunc("GET /bridge/ui/{session}/socket", b.socketUI)
	b.mux.HandleFunc("POST /bridge/ui/{session}/event", b.eventUI)
	b.mux.HandleFunc("DELETE /bridge/ui/{session}", b.answer(b.endUI))
}

func personOf(who *session.Session) uikit.Person {
	return uikit.Person{Session: who.ID, Principal: who.Principal()}
}

// openUI begins a session of a module that is drawn by UI Kit.
func (b *Bridge) openUI(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		// Config asks for the module's configuration.
		Config bool `json:"config"`
		// Shell is what the page says of itself: theme, location.
		Shell json.RawMessage `json:"shell"`
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	function, ok := x.interfaceOf(in.Config)
	if !ok {
		return nil, fault.New(fault.NotFound, "NO_INTERFACE", "the module is not drawn by UI Kit").
			WithFix("a module of UI Kit names a source file as its resource and says render: native")
	}
	c, err := x.call(function)
	if err != nil {
		return nil, err
	}
	spec := uikit.Spec{Install: x.policy.Install, Module: x.module.Key, Function: function, Config: in.Config, Context: c.Context, Shell: in.Shell,
		Containers: tenancy.ContainersOf(x.product.Containers, x.panel.Extension)}
	if f, ok := x.manifest.Function(resolver(x.module)); ok {
		spec.Resolver = f.Handler
	}
	name, err := b.Interfaces.Open(r.Context(), personOf(&x.who), spec)
	return map[string]any{"session": name}, err
}

// interfaceOf is what draws the module, or its configuration.
func (x *place) interfaceOf(config bool) (string, bool) {
	resource, function := x.module.Resource, x.module.Function
	if own, ok := x.module.Properties["config"].(map[string]any); ok && config {
		if r, ok := own["resource"].(string); ok {
			resource = r
		}
		if f, ok := own["function"].(string); ok {
			function = f
		}
	}
	if u, ok := x.manifest.Interface(resource); ok {
		return "ui:" + u.Key, true
	}
	f, ok := x.manifest.Function(function)
	return f.Handler, ok && resource == ""
}

// eventUI takes what a user did. What comes of it goes to the stream.
func (b *Bridge) eventUI(w http.ResponseWriter, r *http.Request) {
	err := func() error {
		var in uikit.Event
		if err := pagejson.Decode(r, &in); err != nil {
			return err
		}
		who, _, err := b.enter(w, r)
		if err != nil {
			return err
		}
		return b.Interfaces.Event(r.Context(), personOf(&who), r.PathValue("session"), in)
	}()
	if err != nil {
		b.answer(func(http.ResponseWriter, *http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte("{}\n"))
}

// streamUI is the one connection of a session: a message on each line.
func (b *Bridge) streamUI(w http.ResponseWriter, r *http.Request) {
	refuse := func(err error) {
		b.answer(func(http.ResponseWriter, *http.Request) (any, error) { return nil, err })(w, r)
	}
	var in struct {
		Seen uint64 `json:"seen"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		refuse(err)
		return
	}
	who, _, err := b.enter(w, r)
	if err != nil {
		refuse(err)
		return
	}
	out := http.NewResponseController(w)
	began := false
	err = b.Interfaces.Stream(r.Context(), personOf(&who), r.PathValue("session"), in.Seen, b.signedIn(who), func(text []byte) error {
		if !began {
			began = true
			_ = out.SetWriteDeadline(time.Time{})
			h := w.Header()
			h.Set("Content-Type", "application/x-ndjson")
			h.Set("X-Accel-Buffering", "no")
			w.WriteHeader(http.StatusOK)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		return out.Flush()
	})
	if err != nil && !began {
		refuse(err)
	}
}

// socketUI is the same connection as browsers have many of; the first message says what a
// request's head and body say of streamUI, and a refusal is a message too.
func (b *Bridge) socketUI(w http.ResponseWriter, r *http.Request) {
	if !pagelink.Asked(r) {
		b.answer(missing)(w, r)
		return
	}
	link, err := pagelink.Accept(w, r)
	if err != nil {
		return // the answer says why
	}
	defer link.Close()
	text, err := link.First(r.Context())
	if err != nil {
		return
	}
	ctx := link.Listens(r.Context())
	err = func() error {
		var in struct {
			Session string `json:"session"`
			Seen    uint64 `json:"seen"`
		}
		if err := json.Unmarshal(text, &in); err != nil {
			return fault.New(fault.Usage, "BAD_JSON", "the first message is not the JSON that this route takes").Because(err)
		}
		who, _, err := b.Sessions.Bridge(ctx, in.Session)
		if err != nil {
			return err
		}
		if err := b.turns.take(who.ID); err != nil {
			return err
		}
		return b.Interfaces.Stream(ctx, personOf(&who), r.PathValue("session"), in.Seen, b.signedIn(who), func(text []byte) error { return link.Write(ctx, text) })
	}()
	if err == nil || ctx.Err() != nil {
		return
	}
	e := pagejson.Public(r, b.Log, err)
	said := pagejson.Error(e)
	said["fields"] = e.Fields
	if text, err := json.Marshal(map[string]any{"refused": said}); err == nil {
		_ = link.Write(ctx, text)
	}
}

// signedIn asks whether a session is still one, whichever secret opens it by now.
func (b *Bridge) signedIn(who session.Session) func(context.Context) error {
	return func(ctx context.Context) error { return b.Sessions.Alive(ctx, &who) }
}

// endUI ends a session. A page that closes may bring what was done in it and not yet sent.
func (b *Bridge) endUI(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Last []uikit.Event `json:"last"`
	}
	if r.ContentLength != 0 {
		if err := pagejson.Decode(r, &in); err != nil {
			return nil, err
		}
	}
	who, _, err := b.enter(w, r)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, b.Interfaces.End(r.Context(), personOf(&who), r.PathValue("session"), in.Last)
}

// ConsentURL is where a user agrees to what an app wants of them.
func ConsentURL(ui string, install id.Install) string { return ui + "/consent/" + string(install) }
