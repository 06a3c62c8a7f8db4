package apps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// What an app does when nobody waits for it: what it queued, its schedules, the events of the
// product. Time is the jobs': what is due later is moved to now.

// patience is how long a script waits for what happens by itself.
const patience = time.Minute

// person has a user of the product do something there, by its own API: what apps are told
// of it is the product's to publish.
func (a *app) person(_ *testscript.TestScript, args []string) error {
	if len(args) < 3 || len(args) > 4 {
		return errors.New("person USER METHOD PATH [JSON]")
	}
	r, err := http.NewRequestWithContext(context.Background(), args[1], a.env.Access.ProductURL+args[2], strings.NewReader(word(args, 3, "")))
	if err != nil {
		return err
	}
	r.SetBasicAuth(args[0], a.env.Access.Users[args[0]].Password)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	a.last = strconv.Itoa(res.StatusCode) + " " + string(text)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("the product answered %s", a.last)
	}
	return err
}

// ran waits for a line of the app's log, which a function wrote that nobody called by hand.
func (a *app) ran(_ *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return errors.New("ran [FUNCTION:]KEY PART...")
	}
	function, unit, ok := strings.Cut(args[0], ":")
	if !ok {
		unit = function
	} else {
		a.result.dispatches(function)
	}
	var log string
	found := func() (bool, error) {
		var err error
		log, err = a.log(a.since)
		for _, part := range args[1:] {
			if !strings.Contains(log, part) {
				return false, err
			}
		}
		return true, err
	}
	if err := eventually(found); err != nil {
		return a.wrong(unit, "did not log %q: %v", args[1:], err)
	}
	a.result.right(unit)
	return nil
}

// tick has a schedule's time come, and waits until its function has run.
func (a *app) tick(_ *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errors.New("tick MODULE FUNCTION")
	}
	const module = `SELECT id, due, token, class FROM jobs WHERE owner = ? AND kind = 'schedule' AND name = ?`
	var job, token, class string
	var due int64
	look := func() error {
		return a.env.System.DB.QueryRow(context.Background(), module, a.installation, args[0]).Scan(&job, &due, &token, &class)
	}
	if err := eventually(func() (bool, error) { return look() == nil, nil }); err != nil { // it is planned within a second
		return a.wrong(args[1], "the schedule %s is not planned", args[0])
	}
	before := time.Now().UnixMilli()
	if err := a.due(`UPDATE jobs SET due = ? WHERE owner = ? AND state = 0 AND token = '' AND id = ?`, before, a.installation, job); err != nil {
		return err
	}
	if err := eventually(func() (bool, error) { err := look(); return due > before && token == "", err }); err != nil {
		return a.wrong(args[1], "the schedule %s did not run: %v", args[0], err)
	}
	if class != "" {
		return a.wrong(args[1], "ended by %s", class)
	}
	a.result.right(args[1])
	return nil
}

type dead struct{ Kind, Name, Class string }

// settle lets time pass until everything that the app queued, and what that queued, has run.
func (a *app) settle(_ *testscript.TestScript, _ []string) error {
	err := eventually(func() (bool, error) {
		var q struct {
			Counts []struct {
				Kind, Name             string
				Waiting, Running, Dead int
			}
			Dead []dead
		}
		raw, err := a.env.Annex(context.Background(), a.env.Access.AdminToken, a.dir, a.where("queue", "list")...)
		if err := errors.Join(err, json.Unmarshal(raw, &q)); err != nil {
			return false, err
		}
		// What the product tells may be of another app's doing on the same site, and is not queued by this one.
		q.Dead = slices.DeleteFunc(q.Dead, func(d dead) bool { return d.Kind == "event" })
		if len(q.Dead) > 0 {
			return false, fmt.Errorf("given up: %+v", q.Dead)
		}
		waiting := 0
		for _, c := range q.Counts {
			if c.Kind == "schedule" {
				continue
			}
			if c.Running > 0 {
				return false, nil
			}
			waiting += c.Waiting
		}
		if waiting == 0 {
			return true, nil
		}
		return false, a.pass()
	})
	if err != nil {
		return a.wrong("", "what it queued does not end: %v", err)
	}
	return nil
}

// pass has as much time go by as the first of what waits is away.
func (a *app) pass() error {
	const waits = `owner = ? AND state = 0 AND token = '' AND kind <> 'schedule'`
	var first int64
	if err := a.env.System.DB.QueryRow(context.Background(), `SELECT COALESCE(MIN(due), 0) FROM jobs WHERE `+waits, a.installation).Scan(&first); err != nil {
		return err
	}
	if away := first - time.Now().UnixMilli(); away > 0 {
		return a.due(`UPDATE jobs SET due = due - ? WHERE `+waits, away, a.installation)
	}
	return nil
}

// due moves jobs to now.
func (a *app) due(statement string, args ...any) error {
	ctx := context.Background()
	return a.env.System.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := a.env.System.DB.Exec(ctx, statement, args...); err != nil {
			return err
		}
		_, err := a.env.System.DB.Exec(ctx, `UPDATE job_owners SET serve_at = 0 WHERE owner = ?`, a.installation)
		return err
	})
}

// eventually waits for something, as long as nothing fails.
func eventually(is func() (bool, error)) error {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if ok, err := is(); ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return errors.New("it did not happen in time")
		}
	}
}

// notified is the body of a change at the scanner, as the app's log shows it again.
func notified(r *http.Request) object {
	var sent object
	text, _ := io.ReadAll(r.Body)
	_ = json.NewDecoder(bytes.NewReader(text)).Decode(&sent)
	return object{"NUpdatedItems": 1, "Sent": sent}
}
