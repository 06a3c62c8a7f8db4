package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// TestEveryCallIsInTheContract sends each call with every field set and holds it
// against openapi.yaml: route, parameters, body.
func TestEveryCallIsInTheContract(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../httpapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := legacy.NewRouter(doc, openapi3.DisableSchemaDefaultsValidation())
	if err != nil {
		t.Fatal(err)
	}
	openapi3filter.RegisterBodyDecoder("application/yaml", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
	called := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
			return
		}
		called[route.Operation.OperationID] = true
		err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeRequestBody: route.Operation.OperationID == "deploy"}})
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	c, err := New(Config{URL: s.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	target := Target{App: "a", Environment: "development", Site: "s", Product: "p"}
	calls := []func() error{
		func() error { _, err := c.Health(ctx); return err },
		func() error { _, err := c.Whoami(ctx); return err },
		func() error { _, err := c.Usage(ctx, "i"); return err },
		func() error { _, err := c.Queue(ctx, "i"); return err },
		func() error { _, err := c.DeadLetter(ctx, "i", "l"); return err },
		func() error { _, err := c.RetryLetters(ctx, "i", []string{"l"}); return err },
		func() error { return c.DropLetter(ctx, "i", "l") },
		func() error { _, err := c.Accounts(ctx); return err },
		func() error { _, err := c.AddAccount(ctx, NewAccount{"bob", true, []string{"s"}, true}); return err },
		func() error { _, err := c.Tokens(ctx); return err },
		func() error {
			_, err := c.CreateToken(ctx, TokenRequest{"ci", "bob", "s", "a", []string{"staging"}, 3, "n"})
			return err
		},
		func() error { _, err := c.StartLogin(ctx, "n"); return err },
		func() error { _, err := c.PollLogin(ctx, "d"); return err },
		func() error { return c.RevokeToken(ctx, "t") },
		func() error { _, err := c.Products(ctx); return err },
		func() error { _, err := c.AddProduct(ctx, []byte("key: x"), nil, true); return err },
		func() error { _, err := c.SigningKeys(ctx); return err },
		func() error {
			_, err := c.Audit(ctx, AuditQuery{"s", "install", "i", "operator:o", "2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z", "c", 10})
			return err
		},
		func() error { return c.ReceiptsExport(ctx, "s", io.Discard) },
		func() error {
			_, err := c.Sent(ctx, "i", "2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z")
			return err
		},
		func() error { _, err := c.Suggest(ctx, "i"); return err },
		func() error {
			_, err := c.WhatIf(ctx, "i", WhatIfChange{GrantChange{1, []string{"k"}, nil, []string{"k"}, []string{"k"}, []string{"k"}}, []EgressHost{{"IMAGES", "h"}}, []EgressHost{{"IMAGES", "h"}}, []RemoteURL{{"k", "u"}},
				[]NetworkOfRemote{{"r", "n", "h", 443}}, []NetworkOfRemote{{"r", "", "h", 443}}, []string{"m"}, true, &Confirmation{Digest: "d", Version: "v", Without: []string{"k"}}})
			return err
		},
		func() error { return c.AuditExport(ctx, "s", io.Discard) },
		func() error { _, err := c.RotateSigningKeys(ctx, true); return err },
		func() error { _, err := c.Sites(ctx); return err },
		func() error { _, err := c.AddSite(ctx, NewSite{"s", []string{"p"}, true}); return err },
		func() error { _, err := c.SetSite(ctx, "s", SiteChange{}); return err },
		func() error { _, err := c.RemoveSite(ctx, "s"); return err },
		func() error { _, err := c.RemoveAccount(ctx, "bob"); return err },
		func() error { _, err := c.Apps(ctx); return err },
		func() error { _, err := c.RegisterApp(ctx, "n", ""); return err },
		func() error {
			_, err := c.RegisterApp(ctx, "n", "01a1ffb3-e658-7c1c-bfe3-69346484714e")
			return err
		},
		func() error { _, err := c.Environments(ctx, "a"); return err },
		func() error { _, err := c.CreateEnvironment(ctx, "a", "e"); return err },
		func() error { return c.DeleteEnvironment(ctx, "a", "e") },
		func() error { _, err := c.Versions(ctx, "a", "e"); return err },
		func() error { _, err := c.Variables(ctx, "a", "e"); return err },
		func() error { _, err := c.Providers(ctx, "a", "e"); return err },
		func() error { _, err := c.ConfigureProvider(ctx, "a", "e", "k", "secret-of-k"); return err },
		func() error {
			return c.SetVariable(ctx, "a", "e", "k", VariableValue{Value: "v", Sealed: true, Unseal: true})
		},
		func() error { return c.UnsetVariable(ctx, "a", "e", "k") },
		func() error { return c.SetClientSecret(ctx, "p", "a-secret-of-a-client", true) },
		func() error { _, err := c.Promote(ctx, "a", "staging", "production", true); return err },
		func() error { _, err := c.Preview(ctx, target); return err },
		func() error {
			_, _, err := c.Install(ctx, InstallRequest{Target: target, Confirmation: Confirmation{Digest: "d", ConfirmDevelopment: true, Without: []string{"k"}, Replace: map[string][]string{"k": {"h"}}}})
			return err
		},
		func() error { _, err := c.Installations(ctx, "a", "e", "s"); return err },
		func() error { return c.Uninstall(ctx, "i", true, true) },
		func() error { _, err := c.Rollback(ctx, "a", "e", "1.0.0", true); return err },
		func() error { _, err := c.VersionDiff(ctx, "a", "e", "1.0.0", "2.0.0"); return err },
		func() error { _, err := c.InstallationDetail(ctx, "i"); return err },
		func() error { _, err := c.Pages(ctx, "i"); return err },
		func() error { _, err := c.Review(ctx, "i", "v"); return err },
		func() error { _, err := c.Approve(ctx, "i", Confirmation{Digest: "d", Version: "v"}); return err },
		func() error { _, err := c.Decline(ctx, "i", "v"); return err },
		func() error {
			_, err := c.ChangeGrant(ctx, "i", GrantChange{1, []string{"k"}, map[string][]string{"k": {"h"}}, []string{"k"}, []string{"k"}, []string{"k"}})
			return err
		},
		func() error { _, err := c.Pin(ctx, "i", true); return err },
		func() error { _, err := c.Pin(ctx, "i", false); return err },
		func() error { _, err := c.LogSharing(ctx, "i"); return err },
		func() error { _, err := c.ShareLogs(ctx, "i", "24h"); return err },
		func() error { return c.UnshareLogs(ctx, "i") },
		func() error { _, err := c.Offers(ctx); return err },
		func() error { return c.OfferApp(ctx, "a", "bob") },
		func() error { return c.OfferApp(ctx, "a", "") },
		func() error { _, err := c.AcceptApp(ctx, "a"); return err },
		func() error { _, err := c.SuspendApp(ctx, "a", "r"); return err },
		func() error { _, err := c.SuspendApp(ctx, "a", ""); return err },
		func() error { _, err := c.AddEgress(ctx, "i", "IMAGES", "h"); return err },
		func() error { _, err := c.RemoveEgress(ctx, "i", "IMAGES", "h"); return err },
		func() error { _, err := c.Remotes(ctx, "i"); return err },
		func() error { _, err := c.SetRemote(ctx, "i", "r", "https://r.example.com", "w", 1); return err },
		func() error { _, err := c.ResetRemote(ctx, "i", "r", 1); return err },
		func() error {
			_, err := c.SetCredential(ctx, "i", "r", NewCredential{"https://r.example.com", "client-credentials", "n", "s", "/t", "x", "c"})
			return err
		},
		func() error { return c.ClearCredential(ctx, "i", "r") },
		func() error { _, err := c.SiteProviders(ctx, "i"); return err },
		func() error {
			_, err := c.GiveProviderCredential(ctx, "i", "k", NewSiteCredential{[]string{"https://r.example.com"}, "n", "s"})
			return err
		},
		func() error { return c.TakeProviderCredential(ctx, "i", "k") },
		func() error { _, err := c.GrantNetwork(ctx, "i", "r", NetworkGrant{"n", "h", 443, "c", 1}); return err },
		func() error { _, err := c.RevokeNetwork(ctx, "i", "r", "h", 443); return err },
		func() error { _, err := c.Modules(ctx, "i"); return err },
		func() error { _, err := c.Agreements(ctx, "i"); return err },
		func() error { _, err := c.EndAgreements(ctx, "i", "u/x", "tunnel"); return err },
		func() error { return c.RemoveModule(ctx, "i", "m") },
		func() error { _, err := c.AccessRules(ctx, "s"); return err },
		func() error { _, err := c.AddAccessRule(ctx, "s", NewAccessRule{"p", "t", "c", "a"}); return err },
		func() error { return c.RemoveAccessRule(ctx, "s", "r") },
		func() error { _, err := c.Networks(ctx, "s"); return err },
		func() error {
			at := time.Unix(1, 0).UTC()
			_, err := c.AddNetwork(ctx, "s", NewNetwork{"10.0.0.0/8", []uint16{443}, "c", "n", &at})
			return err
		},
		func() error { return c.RemoveNetwork(ctx, "s", "n") },
		func() error { _, err := c.LeftStorage(ctx); return err },
		func() error { return c.StorageExport(ctx, "i", io.Discard) },
		func() error { _, err := c.RelinkStorage(ctx, "i", "old"); return err },
		func() error { _, err := c.InstallationRequests(ctx); return err },
		func() error { _, err := c.WebTriggers(ctx, target); return err },
		func() error { _, err := c.CreateWebTrigger(ctx, WebTriggerRequest{target, "m"}); return err },
		func() error { return c.DeleteWebTrigger(ctx, target, "http://x/") },
		func() error {
			_, err := c.RotateWebTriggerSecret(ctx, WebTriggerRotation{target, "m", true})
			return err
		},
		func() error { return c.RetireWebTriggerSecret(ctx, target, "m") },
		func() error { _, _ = c.Tunnel(ctx, "a", "development", Carries{}); return nil }, // the server here opens none
		func() error { _, err := c.AskTunnel(ctx, target, "n"); return err },
		func() error { _, err := c.PollTunnel(ctx, "a", "development", "d"); return err },
		func() error { _, err := c.Invoke(ctx, InvokeRequest{target, "f", []byte(`{"a":1}`)}); return err },
		func() error {
			_, err := c.Logs(ctx, LogQuery{"a", "e", "s", "p", "i", "t", "2026-01-01T00:00:00Z", "c", 5})
			return err
		},
		func() error {
			_, err := c.Deploy(ctx, Upload{Environment: "e", Manifest: []byte("x"), Bundle: []byte("x")}, nil)
			return err
		},
	}
	for _, call := range calls {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			// The commands read no activity, readiness is a load balancer's question; the key set and
			// sign-ins and events are products'.
			if !called[op.OperationID] && !slices.Contains([]string{"readActivity", "ready", "keySet", "signIn", "takeEvent"}, op.OperationID) {
				t.Errorf("no call for operation %s", op.OperationID)
			}
		}
	}
}

// TestTypesHaveTheSchemasFields compares JSON names, so that a field added to the
// contract is not dropped here unnoticed.
func TestTypesHaveTheSchemasFields(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../httpapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"Health": Health{}, "SigningKey": SigningKey{}, "AuditEntry": AuditEntry{}, "Sent": Sent{}, "SentTo": SentTo{}, "Suggestion": Suggestion{}, "Prediction": Prediction{}, "Difference": Difference{}, "EgressHost": EgressHost{}, "Remotes": Remotes{}, "RemoteDetail": RemoteDetail{}, "Credential": Credential{}, "NewCredential": NewCredential{}, "ExternalProvider": Provider{}, "SiteProvider": SiteProvider{}, "NewSiteCredential": NewSiteCredential{}, "NetworkGrant": NetworkGrant{}, "OpenedNetwork": SentNetwork{}, "RegisteredModule": RegisteredModule{}, "Network": Network{}, "NewNetwork": NewNetwork{}, "Whoami": Whoami{}, "Account": Account{}, "Token": Token{}, "RemovedAccount": RemovedAccount{}, "RemovedSite": RemovedSite{}, "Product": Product{}, "Site": Site{},
		"App": App{}, "Environment": Environment{}, "Version": Version{}, "Deployment": Deployment{}, "Diagnostic": Diagnostic{}, "Target": Target{}, "Line": Line{},
		"Preview": Preview{}, "Handover": Handover{}, "Confirmation": Confirmation{}, "Permission": Permission{}, "Waiting": Waiting{}, "PastVersion": PastVersion{}, "InstallationDetail": InstallationDetail{}, "VersionDiff": VersionDiff{}, "LogSharing": LogSharing{}, "Offer": Offer{}, "Installation": Installation{}, "InstallationRequest": InstallationRequest{}, "WebTrigger": WebTrigger{}, "WebTriggerSecret": WebTriggerSecret{}, "WebTriggerSecretAge": WebTriggerSecretAge{}, "LogEntry": LogEntry{}, "Error": wireError{}} {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			t.Errorf("the contract has no schema %s", name)
			continue
		}
		have := map[string]bool{}
		typ := reflect.TypeOf(v)
		for _, f := range reflect.VisibleFields(typ) {
			if f.Anonymous {
				continue // its fields come by themselves
			}
			field, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			have[field] = true
			if schema.Value.Properties[field] == nil {
				t.Errorf("%s.%s is not in the contract", name, field)
			}
		}
		for field := range schema.Value.Properties {
			if !have[field] {
				t.Errorf("%s lacks the contract's %s", name, field)
			}
		}
	}
}
