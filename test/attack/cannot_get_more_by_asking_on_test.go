package attack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/annexhq/annex/internal/core/id"
)

// declines ends a request as its page does when it is closed.
func (a *asked) outcome(page interface {
	Ask(method, path string, body any) (int, string, string)
}, ask string) (code string) {
	a.t.Helper()
	_, code, _ = page.Ask("POST", "/bridge/permissions/outcome", map[string]any{"module": a.at.installation + "/panel", "ask": ask})
	return code
}

// M10: an app that asks a thousand times, from as many tabs as it likes, is put before an
// admin three times an hour; after a refusal it waits, installed anew or not; and once an
// admin has said so, it asks no more at all.
func TestAttackAskAThousandTimes(t *testing.T) {
	a := newAsked(t)
	prompts, refusals := 0, map[string]int{}
	var last string
	for tab := range 10 {
		page := a.page("carol", true)
		for n := range 100 {
			ask, ticket, code := a.want(page, fmt.Sprintf("h%d-%d.example.com", tab, n))
			if ticket != "" {
				prompts++
				last = ask
			}
			refusals[code]++
		}
		if tab == 9 {
			if code := a.outcome(page, last); code != "PERMISSION_DECLINED" && code != "NO_ASK" {
				t.Errorf("what came of the last: %s", code)
			}
		}
	}
	if prompts != 3 || refusals["ASK_PENDING"]+refusals["ASK_LATER"] != 1000-prompts {
		t.Errorf("%d requests were put before an admin; the others: %v", prompts, refusals)
	}

	// After a refusal: for a minute nothing, whatever is asked, and the next app that is this
	// one installed anew has no new beginning.
	page := a.page("dave", true)
	ask, ticket, code := a.want(page, "files.example.com")
	if ticket == "" {
		t.Fatal(code)
	}
	a.post("/ask/decide", map[string]any{"ticket": ticket, "digest": "", "approve": false, "user": a.vouched("dave", true)}).must(t)
	if code := a.outcome(page, ask); code != "PERMISSION_DECLINED" {
		t.Error(code)
	}
	for range 3 {
		if _, ticket, code := a.want(page, "files.example.com"); ticket != "" || code != "ASK_LATER" {
			t.Errorf("after a refusal: %s", code)
		}
	}
	if x := a.at.uninstall(); x.status != 204 {
		t.Fatalf("%d %s", x.status, x.body)
	}
	a.at = a.at.install()
	if _, ticket, code := a.want(a.page("dave", true), "other.example.com"); ticket != "" || code != "ASK_LATER" {
		t.Errorf("installed anew, after a refusal: %s", code)
	}
	if _, ticket, code := a.want(a.page("carol", true), "other.example.com"); ticket != "" || code != "ASK_LATER" {
		t.Errorf("installed anew, after three requests: %s", code)
	}

	// An admin who has had enough has it for every other admin too.
	if _, ticket, code = a.want(a.page("erin", true), "files.example.com"); ticket == "" {
		t.Fatal(code)
	}
	a.post("/ask/decide", map[string]any{"ticket": ticket, "digest": "", "approve": false, "block": true, "user": a.vouched("erin", true)}).must(t)
	if _, ticket, code := a.want(a.page("frank", true), "files.example.com"); ticket != "" || code != "ASK_LATER" {
		t.Errorf("an app that is not to ask any more asks another admin: %s", code)
	}
}

// M1, M12: what is approved is the request as it was shown, of the version and the grant of
// that moment; of several who decide at once, one does.
func TestAttackApproveWhatChangedMeanwhile(t *testing.T) {
	a := newAsked(t)
	approve := func(user, ticket, digest string) answer {
		return a.post("/ask/decide", map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": a.vouched(user, true)})
	}
	here := "/api/v1/installations/" + a.at.installation
	version := func() id.Version {
		policy, err := a.System.Installs.Policy(t.Context(), id.Install(a.at.installation))
		if err != nil {
			t.Fatal(err)
		}
		return policy.Version
	}
	newVersion := func() {
		before, next := version(), asks
		next.code += "\n// another version"
		a.at.redeploy(next)
		a.at.install()
		eventually(t, "the new version runs", func() bool { return version() != before })
	}
	narrowed := func() {
		a.api("PATCH", here+"/grant", a.at.admin, map[string]any{"trim": []string{"scope:storage:app"}}).must(t)
	}
	another := func() {
		a.api("POST", here+"/egress", a.at.admin, map[string]any{"type": "IMAGES", "host": "pictures.example.com"}).must(t)
	}
	for name, meanwhile := range map[string]func(){"another version": newVersion, "another grant, of which the page shows nothing": narrowed, "another host of an admin's": another} {
		user := "admin of " + name
		page := a.page(user, true)
		ask, ticket, code := a.want(page, "files.example.com")
		if ticket == "" {
			t.Fatalf("%s: %s", name, code)
		}
		digest, _ := a.shown(ticket, user)
		meanwhile()
		if got := approve(user, ticket, digest); got.status != http.StatusConflict || a.reaches("files.example.com") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		// Nor is it there to be approved once more.
		if got := a.post("/ask/open", map[string]any{"ticket": ticket, "user": a.vouched(user, true)}); got.status < 400 {
			t.Errorf("%s: it is shown again: %s", name, got.body)
		}
		if code := a.outcome(page, ask); code != "PERMISSION_DECLINED" {
			t.Errorf("%s: the app is told %s", name, code)
		}
	}

	// A press in each of eight tabs, and one on Decline, at the same moment.
	for round := range 4 {
		user := fmt.Sprintf("racer %d", round)
		page := a.page(user, true)
		host := fmt.Sprintf("race%d.example.com", round)
		_, ticket, code := a.want(page, host)
		if ticket == "" {
			t.Fatal(code)
		}
		digest, _ := a.shown(ticket, user)
		words := make([]string, 9)
		for n := range words {
			words[n] = a.vouched(user, true)
		}
		var mu sync.Mutex
		var yes, no int
		var all sync.WaitGroup
		start := make(chan struct{})
		for n, word := range words {
			all.Go(func() {
				<-start
				got := a.post("/ask/decide", map[string]any{"ticket": ticket, "digest": digest, "approve": n > 0, "user": word})
				mu.Lock()
				defer mu.Unlock()
				if got.status == 200 && n > 0 {
					yes++
				} else if got.status == 200 {
					no++
				}
			})
		}
		close(start)
		all.Wait()
		if yes+no != 1 || a.reaches(host) != (yes == 1) {
			t.Errorf("%d approvals and %d refusals of one request count; granted: %v", yes, no, a.reaches(host))
		}
	}
}

// M7, M8: what an app says of itself and of its request is quoted as one plain line; its
// hosts are ASCII and whole, and one that looks like another is refused by its name.
func TestAttackSpeakAsThePlatform(t *testing.T) {
	a := newAsked(t)
	page := a.page("carol", true)
	request := func(command string, payload map[string]any) (ticket, code, text string) {
		_, code, text = page.Ask("POST", "/bridge/permissions", map[string]any{"module": a.at.installation + "/panel", "command": command, "payload": payload})
		var out struct{ Ask struct{ Ticket string } }
		_ = json.Unmarshal([]byte(text), &out)
		return out.Ask.Ticket, code, text
	}
	for _, host := range []string{"\u0430pple.example.com", "p\u00e0ypal.example.com", "ex\u200dample.com", "\u202emoc.elpmaxe", "good.example.com\u3002evil.example", "good.example.com@evil.example", "good.example.com evil.example"} {
		if ticket, code, text := request("egress.requestDomains", map[string]any{"domains": []string{host}, "types": []string{"IMAGES"}}); ticket != "" || code != "BAD_DOMAIN" {
			t.Errorf("%q: %s", host, text)
		}
	}
	const lies = "Annex has checked this.\u202e gnihtyna \u2066x\u2069\u200b\u2028\nAllow https://good.example.com/path and www.good.example or good.example instead\x00\x1b[31m. \u0440\u0430ypal is m\u0435rged. "
	ticket, code, _ := request("egress.requestDomains", map[string]any{"domains": []string{"files.example.com"}, "types": []string{"IMAGES"}, "purpose": lies + strings.Repeat("very ", 200)})
	if ticket == "" {
		t.Fatal(code)
	}
	var seen struct {
		Shown struct {
			Items    []struct{ Domain, Registrable string }
			Messages []struct{ Text string }
		}
	}
	a.post("/ask/open", map[string]any{"ticket": ticket, "user": a.vouched("carol", true)}).must(t).into(t, &seen)
	if len(seen.Shown.Items) != 1 || seen.Shown.Items[0].Domain != "files.example.com" || seen.Shown.Items[0].Registrable != "example.com" || len(seen.Shown.Messages) != 1 {
		t.Fatalf("%+v", seen.Shown)
	}
	said := seen.Shown.Messages[0].Text
	if n := len([]rune(said)); n == 0 || n > 300 {
		t.Errorf("%d letters of the app's are shown", n)
	}
	for _, r := range said {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			t.Errorf("%U is shown", r)
		}
	}
	for _, word := range strings.Fields(said) {
		latin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
		if strings.Contains(word, "://") || strings.Contains(word, "good.example") || latin && strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
			t.Errorf("%q is shown", word)
		}
	}
}
