package apps

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/annexhq/annex/internal/edge/testenv"
)

type appKey struct{}

// app is one app of one script.
type app struct {
	env    *testenv.Env
	source source
	folder string // of all apps
	work   string
	result *result

	dir          string
	installation string
	since        time.Time // of the installation
	modules      map[string]string
	last         string // answer
}

type object = map[string]any

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"app":      command((*app).begin),
	"variable": command((*app).variable),
	"deploy":   command((*app).deploy),
	"fn":       command((*app).function),
	"ask":      command((*app).ask),
	"as":       command((*app).as),
	"agree":    command((*app).agree),
	"hook":     command((*app).hook),
	"logged":   command((*app).logged),
	"take":     command((*app).take),
	"person":   command((*app).person),
	"ran":      command((*app).ran),
	"tick":     command((*app).tick),
	"settle":   command((*app).settle),
	"token":    command((*app).token),
	"sign": command(func(_ *app, ts *testscript.TestScript, args []string) error {
		sum := hmac.New(sha256.New, []byte(args[1]))
		sum.Write([]byte(args[2]))
		ts.Setenv(args[0], hex.EncodeToString(sum.Sum(nil)))
		return nil
	}),
	"ui": command(func(a *app, _ *testscript.TestScript, args []string) error {
		a.result.leave("UI Kit 1", args)
		return nil
	}),
	"product": command(func(a *app, _ *testscript.TestScript, args []string) error {
		a.result.leave("product", args)
		return nil
	}),
}

func command(f func(*app, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("no command here takes !")
		}
		a := ts.Value(appKey{}).(*app)
		if a.result.Stopped {
			return
		}
		if err := f(a, ts, args); err != nil {
			ts.Fatalf("%v", err)
		}
	}
}

// begin copies the app; without it nothing can be called.
func (a *app) begin(_ *testscript.TestScript, _ []string) (err error) {
	if a.dir, err = a.source.copyTo(context.Background(), a.folder, filepath.Join(a.work, "app")); err == nil {
		var all []string
		if all, err = units(a.dir); err == nil {
			a.result.expect(all)
		}
	}
	return a.stop("fetched", err)
}

func (a *app) stop(what string, err error) error {
	if err != nil {
		a.result.Stopped = true
		a.result.fail("", fmt.Sprintf("could not be %s: %v", what, err))
	}
	return err
}

func (a *app) where(args ...string) []string {
	return append(args, "--site", a.env.Access.Site, "--product", a.env.Access.Product, "--environment", "development", "--json")
}

func (a *app) developer(args ...string) ([]byte, error) {
	return a.env.Annex(context.Background(), a.env.Access.DeveloperToken, a.dir, args...)
}

func (a *app) variable(_ *testscript.TestScript, args []string) error {
	if _, err := a.developer("variables", "list", "--environment", "development", "--json"); err != nil {
		if _, err := a.developer("register", a.source.name(), "--json"); err != nil {
			return a.stop("registered", err)
		}
	}
	_, err := a.developer("variables", "set", args[0], args[1], "--environment", "development", "--json")
	return a.stop("given a variable", err)
}

func (a *app) deploy(_ *testscript.TestScript, _ []string) error {
	if _, err := a.developer("deploy", "--environment", "development", "--approve", "--json"); err != nil {
		return a.stop("deployed", err)
	}
	a.since = time.Now()
	raw, err := a.env.Annex(context.Background(), a.env.Access.AdminToken, a.dir, a.where("install", "--confirm")...)
	var made struct{ ID string }
	if err == nil {
		err = json.Unmarshal(raw, &made)
	}
	a.installation = made.ID
	a.result.installation = a.installation
	return a.stop("installed", err)
}

// expected splits a command's words.
func expected(args []string) (words []string, kind string, parts []string, err error) {
	i := slices.IndexFunc(args, func(s string) bool { return s == "=>" || s == "!>" || s == "later" })
	if i < 0 {
		return nil, "", nil, errors.New("nothing is expected: => PART, !> PART or later MEMBER")
	}
	return args[:i], args[i], args[i+1:], nil
}

func (a *app) function(_ *testscript.TestScript, args []string) error {
	words, kind, parts, err := expected(args)
	if err != nil || len(words) < 1 || len(words) > 2 {
		return errors.Join(err, errors.New("fn FUNCTION [JSON]"))
	}
	return a.call(words[0], words[0], json.RawMessage(word(words, 1, "null")), kind, parts)
}

func (a *app) ask(_ *testscript.TestScript, args []string) error {
	words, kind, parts, err := expected(args)
	if err != nil || len(words) < 1 || len(words) > 2 {
		return errors.Join(err, errors.New("ask [FUNCTION:]KEY [JSON]"))
	}
	function, key, ok := strings.Cut(words[0], ":")
	if !ok {
		function, key = "resolver", words[0]
	}
	a.result.dispatches(function)
	payload := object{"call": object{"functionKey": key, "payload": json.RawMessage(word(words, 1, "{}"))}, "context": object{}}
	return a.call(key, function, payload, kind, parts)
}

func word(words []string, n int, otherwise string) string {
	if n < len(words) {
		return words[n]
	}
	return otherwise
}

// call calls a function as `annex invoke` does, and compares.
func (a *app) call(unit, function string, payload any, kind string, parts []string) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	began := time.Now()
	raw, err := a.developer(a.where("invoke", function, "--payload", string(text))...)
	var answer struct {
		Result json.RawMessage
		Error  struct{ Code, Message string }
	}
	if uerr := json.Unmarshal(raw, &answer); uerr != nil {
		return a.wrong(unit, "%v", errors.Join(uerr, err))
	}
	switch {
	case err != nil && answer.Error.Code != "FUNCTION_ERR":
		return a.wrong(unit, "ended by %s: %s", answer.Error.Code, answer.Error.Message)
	case err != nil:
		a.last = answer.Error.Message
		return a.compare(unit, "!>", kind, answer.Error.Message, parts)
	}
	a.last = string(answer.Result)
	if kind == "later" { // the app caught the error, and logged it
		return a.laterInLog(unit, began, parts)
	}
	return a.compare(unit, "=>", kind, a.last, parts)
}

// compare notes whether an outcome is the expected one.
func (a *app) compare(unit, outcome, kind, said string, parts []string) error {
	if kind == "later" {
		if len(parts) != 1 {
			return errors.New("later MEMBER")
		}
		if !strings.Contains(said, parts[0]+" is not offered") {
			return a.wrong(unit, "said %s, not that %s is not offered", said, parts[0])
		}
		a.result.later(unit, parts[0])
		return nil
	}
	if outcome != kind {
		return a.wrong(unit, "%s %s", map[string]string{"=>": "answered", "!>": "threw"}[outcome], said)
	}
	for _, p := range parts {
		if !strings.Contains(said, p) {
			return a.wrong(unit, "said %s, which lacks %s", said, p)
		}
	}
	a.result.right(unit)
	return nil
}

func (a *app) wrong(unit, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	a.result.fail(unit, reason)
	return fmt.Errorf("%s %s", unit, reason)
}

// hook posts to a web trigger. With `later` the app's log names the member, since the
// outside learns only of an incident.
func (a *app) hook(_ *testscript.TestScript, args []string) error {
	words, kind, parts, err := expected(args)
	if err != nil || len(words) < 2 {
		return errors.Join(err, errors.New("hook MODULE BODY [HEADER: VALUE]..."))
	}
	module, query, _ := strings.Cut(words[0], "?")
	url, err := a.address(module)
	if err != nil {
		return a.wrong(module, "%v", err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"?"+query, strings.NewReader(words[1]))
	if err != nil {
		return err
	}
	for _, h := range words[2:] {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	r.Host, r.URL.Host = r.URL.Host, a.env.System.Listener.Addr().String() // names below localhost need not resolve
	began := time.Now()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return a.wrong(module, "%v", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return a.wrong(module, "%v", err)
	}
	a.last = strconv.Itoa(res.StatusCode) + " " + string(text)
	unit := a.functionOf(module)
	if kind == "later" {
		if strings.Contains(a.last, parts[0]+" is not offered") {
			return a.compare(unit, "", kind, a.last, parts)
		}
		return a.laterInLog(unit, began, parts)
	}
	if kind == "=>" && (len(parts) == 0 || parts[0] != strconv.Itoa(res.StatusCode)) {
		return a.wrong(unit, "answered %s, not %s", a.last, parts)
	}
	return a.compare(unit, "=>", kind, a.last, parts)
}

func (a *app) laterInLog(unit string, since time.Time, parts []string) error {
	log, err := a.log(since)
	if err != nil {
		return a.wrong(unit, "%v", err)
	}
	return a.compare(unit, "", "later", log, parts)
}

// address is where a web trigger answers.
func (a *app) address(module string) (string, error) {
	raw, err := a.developer(a.where("webtrigger", "create", "--function", module)...)
	var made struct{ URL string }
	return made.URL, errors.Join(err, json.Unmarshal(raw, &made))
}

// functionOf is the function that a web trigger runs.
func (a *app) functionOf(module string) string {
	if a.modules == nil {
		a.modules = webTriggers(a.dir)
	}
	return a.modules[module]
}

func (a *app) log(since time.Time) (string, error) {
	raw, err := a.developer("logs", "--environment", "development", "--limit", "1000", "--since", since.UTC().Format(time.RFC3339Nano), "--json")
	return strings.ReplaceAll(string(raw), `\"`, `"`), err
}

// logWait is how long a queue's consumer may take to write a line.
const logWait = 20 * time.Second

// logged demands a line in the app's log, which what the app queued may write later.
func (a *app) logged(_ *testscript.TestScript, args []string) error {
	for until := time.Now().Add(logWait); ; time.Sleep(100 * time.Millisecond) {
		log, err := a.log(a.since)
		switch {
		case err == nil && strings.Contains(log, args[0]):
			return nil
		case err != nil || time.Now().After(until):
			return errors.Join(err, a.wrong("", "the app's log lacks %s", args[0]))
		}
	}
}

// take keeps a part of the last answer.
func (a *app) take(ts *testscript.TestScript, args []string) error {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(a.last)
	if m == nil {
		return a.wrong("", "%s has nothing like %s", a.last, args[1])
	}
	ts.Setenv(args[0], m[len(m)-1])
	return nil
}
