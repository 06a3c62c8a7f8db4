package inside

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/productkit"
)

// TestMain lets this binary be the server's children.
func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

const hearsManifest = `app:
  id: ''
  name: Hears
  runtime: {name: nodejs22.x}
permissions: {scopes: ['read:jira-work']}
modules:
  trigger: [{key: t, function: hear, events: ['avi:jira:updated:issue']}]
  function: [{key: hear, handler: index.hear}]
`

const hearsBundle = `(function(__annex_require, __annex_register) {
  __annex_register({ index: { hear: async (event) => event.issue.key } });
})`

// BenchmarkPublished is the whole way of an event, with one worker: signed by the product, sent
// over HTTP from sixteen places at once, verified, kept, and handled by an app's function in the
// sandbox. Once each event is a message of its own, once twenty are one.
func BenchmarkPublished(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			url := "" // a file in the data directory
			if database == "postgres" {
				url = dbtest.PostgresURL(b)
			}
			h := newHears(b, url)
			b.ReportMetric(h.publish(scaled(4000), 1), "events/s")
			b.ReportMetric(h.publish(scaled(8000)/20, 20), "together-events/s")
		})
	}
}

// hears is a deployment with an app that is told of events.
type hears struct {
	b             *testing.B
	env           *testenv.Env
	install, site string
	publisher     productkit.Publisher
}

func newHears(b *testing.B, database string) *hears {
	b.Helper()
	e, err := testenv.Start(b.Context(), testenv.Setup{
		Dir: b.TempDir(), Listen: "127.0.0.1:0", Database: database, Workers: 1, ChildCommand: annex.ChildCommand, Version: "bench", Quotas: quota.None(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	h := &hears{b: b, env: e, publisher: productkit.Publisher{
		Key: e.Tracker.Key(), Product: e.Access.Product, Server: e.Access.URL, Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: places}},
	}}
	h.deploy(b.Context())
	return h
}

func (h *hears) deploy(ctx context.Context) {
	h.b.Helper()
	must := func(err error) {
		h.b.Helper()
		if err != nil {
			h.b.Fatal(err)
		}
	}
	developer, err := client.New(client.Config{URL: h.env.Access.URL, Token: h.env.Access.DeveloperToken})
	must(err)
	admin, err := client.New(client.Config{URL: h.env.Access.URL, Token: h.env.Access.AdminToken})
	must(err)
	d, err := developer.Deploy(ctx, client.Upload{Environment: "production", Manifest: []byte(hearsManifest), Bundle: []byte(hearsBundle)}, nil)
	must(err)
	to := client.Target{App: d.App, Environment: "production", Site: h.env.Access.Site, Product: h.env.Access.Product}
	shown, err := admin.Preview(ctx, to)
	must(err)
	installed, _, err := admin.Install(ctx, client.InstallRequest{Target: to, Confirmation: client.Confirmation{Digest: shown.Digest}})
	must(err)
	h.install = installed.ID
	must(h.env.System.DB.QueryRow(ctx, `SELECT site_id FROM installations WHERE id = ?`, h.install).Scan(&h.site))
}

// places is how many publish at once.
const places = 16

// publish sends so many messages and gives how many events a second were handled.
func (h *hears) publish(messages, together int) float64 {
	h.b.Helper()
	data := json.RawMessage(`{"issue":{"key":"DEMO-1","fields":{"summary":"An issue of some words"}}}`)
	each := max(1, messages/places)
	failed := make(chan error, places)
	began := time.Now()
	for place := range places {
		go func() {
			failed <- func() error {
				for n := range each {
					var events []productkit.Event
					for i := range together {
						events = append(events, productkit.Event{
							Site: h.site, ID: fmt.Sprintf("event-%d-%d-%d-%08d", together, place, i, n), Type: "tracker:issue:updated", Data: data,
						})
					}
					if err := h.publisher.Publish(h.b.Context(), events...); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range places {
		if err := <-failed; err != nil {
			h.b.Fatal(err)
		}
	}
	count := func(query string) (n int) {
		h.b.Helper()
		if err := h.env.System.DB.QueryRow(h.b.Context(), query, h.install).Scan(&n); err != nil {
			h.b.Fatal(err)
		}
		return n
	}
	for count(`SELECT COUNT(*) FROM jobs WHERE owner = ? AND state < 2`) > 0 {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	if dead := count(`SELECT COUNT(*) FROM jobs WHERE owner = ? AND state = 2`); dead > 0 {
		h.b.Fatalf("%d events were given up", dead)
	}
	return float64(each*places*together) / took.Seconds()
}
