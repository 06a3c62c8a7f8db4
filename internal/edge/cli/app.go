package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/applint"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

const appPrefix = "ari:cloud:ecosystem::app/"

// appFlags add --app and --environment to a command.
type appFlags struct {
	app, environment string
}

func (f *appFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.app, "app", "", "the app's `id` (default: the one of the app's folder)")
	f.addEnvironment(cmd)
}

func (f *appFlags) addEnvironment(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.environment, "environment", "e", "development", "`name` of the app's environment")
}

// appState is .annex/app.json: the id of an app whose manifest has a blank one.
type appState struct {
	App string `json:"app"`
}

func (c *cli) stateFile() string { return filepath.Join(c.dir, ".annex", "app.json") }

func (c *cli) loadState() (appState, error) {
	var s appState
	text, err := os.ReadFile(c.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fault.New(fault.Invalid, "APP_STATE", "%s cannot be read: %v", c.stateFile(), err).
			WithFix("delete the file; the next deploy makes a new app").Because(err)
	}
	return s, nil
}

func (c *cli) saveState(s appState) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(c.stateFile(), append(text, '\n'), 0o644, 0o755)
}

// appID finds the app that a command is about: --app, the manifest's app.id, or the
// id that an earlier deploy was given.
func (c *cli) appID(flag string) (string, error) {
	if flag != "" {
		return plainID(flag), nil
	}
	m, err := c.manifest()
	if err != nil {
		return "", err
	}
	if id := plainID(m.App.ID); id != "" {
		return id, nil
	}
	s, err := c.loadState()
	if err != nil {
		return "", err
	}
	if s.App == "" {
		return "", fault.New(fault.Invalid, "NO_APP_ID", "the app has no id yet").WithFix("deploy it with `annex deploy`, or name an app with --app")
	}
	return s.App, nil
}

// manifest reads the manifest of the app's folder.
func (c *cli) manifest() (*manifest.Manifest, error) {
	text, err := applint.ReadManifest(c.dir)
	if err != nil {
		if f, ok := fault.As(err); ok {
			return nil, f.WithFix("name the app with --app, or its folder with --dir")
		}
		return nil, err
	}
	m, _ := manifest.Load(applint.ManifestName, text, manifest.Options{Lookup: os.LookupEnv})
	if m == nil {
		return nil, fault.New(fault.Invalid, "MANIFEST", "%s has errors", applint.ManifestName).WithFix("see them with `annex lint`, or name the app with --app")
	}
	return m, nil
}

// plainID takes Forge's form of an app id to its UUID.
func plainID(id string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(id), appPrefix))
}

// sdkTable is the export table of this binary's base image.
func sdkTable() (*bundle.Table, error) {
	t, err := assets.SDKTable()
	if err != nil {
		return nil, fault.New(fault.Internal, "NOT_BUILT", "this program was built without the SDK").WithFix("build it with `make build`").Because(err)
	}
	return &bundle.Table{Modules: t.Modules, Aliases: t.Aliases, TypesOnly: t.TypesOnly, NotOffered: t.NotOffered}, nil
}

// check lints the app in the folder against the given products.
func (c *cli) check(ctx context.Context, products []client.Product) (*applint.Report, error) {
	o, err := lintOptions(products)
	if err != nil {
		return nil, err
	}
	return applint.Check(ctx, c.dir, o)
}

func lintOptions(products []client.Product) (applint.Options, error) {
	table, err := sdkTable()
	if err != nil {
		return applint.Options{}, err
	}
	o := applint.Options{Table: table, Lookup: os.LookupEnv, Operations: map[string][]applint.Operation{}, Events: map[string][]string{}, Needed: map[string]string{}, Told: map[string]bool{}}
	for _, p := range products {
		mp := manifest.Product{Key: p.Key, Aliases: p.Aliases}
		for _, m := range p.Modules {
			mp.Modules = append(mp.Modules, manifest.ModuleType{Type: m.Type, Aliases: m.Aliases})
		}
		for _, s := range p.Scopes {
			mp.Scopes = append(mp.Scopes, s.Name)
		}
		var operations []applint.Operation
		for _, op := range p.Operations {
			operations = append(operations, applint.Operation(op))
		}
		for _, name := range append([]string{p.Key}, p.Aliases...) {
			o.Operations[name] = operations
		}
		o.Told[p.Key] = p.Events != nil
		for _, e := range p.Events {
			mp.Events = append(mp.Events, e.Names...)
			for _, name := range e.Names {
				o.Events[name] = append(o.Events[name], e.Scopes...)
				o.Needed[name] = e.Scope
			}
		}
		o.Products = append(o.Products, mp)
	}
	return o, nil
}

// targetFlags name an installation.
type targetFlags struct {
	appFlags
	site, product string
}

func (f *targetFlags) add(cmd *cobra.Command) {
	f.appFlags.add(cmd)
	cmd.Flags().StringVarP(&f.site, "site", "s", "", "`name` or id of the site")
	cmd.Flags().StringVarP(&f.product, "product", "p", "", "`key` or alias of the product")
}

// target is the installation that the flags name. Without a site or a product the
// only installation of the app in the environment is meant.
func (c *cli) target(ctx context.Context, api *client.Client, f targetFlags) (client.Target, error) {
	app, err := c.appID(f.app)
	if err != nil {
		return client.Target{}, err
	}
	t := client.Target{App: app, Environment: f.environment, Site: f.site, Product: f.product}
	if t.Site != "" && t.Product != "" {
		return t, nil
	}
	all, err := api.Installations(ctx, app, f.environment, f.site)
	if err != nil {
		return t, err
	}
	fit := all
	if f.product != "" {
		fit = onProduct(all, c.productKey(ctx, api, f.product))
	}
	switch len(fit) {
	case 1:
		t.Site, t.Product = fit[0].Site, fit[0].Product
		return t, nil
	case 0:
		return t, fault.New(fault.NotFound, "NOT_INSTALLED", "the app is not installed from %s there", f.environment).
			WithFix("install it with `annex install --environment %s --site SITE --product PRODUCT`", f.environment)
	}
	var places []string
	for _, i := range fit {
		places = append(places, "--site "+i.Site+" --product "+i.Product)
	}
	return t, usage("the app has %s from %s", plural(len(fit), "installation"), f.environment).WithFix("choose one: %s", strings.Join(places, ", or "))
}

// productKey is the key of a product that is named by key or alias. A name that the
// server does not know stays as it is.
func (c *cli) productKey(ctx context.Context, api *client.Client, name string) string {
	products, err := api.Products(ctx)
	if err != nil {
		return name // the call that follows fails for the same reason, and says so
	}
	for _, p := range products {
		if p.Key == name || slices.Contains(p.Aliases, name) {
			return p.Key
		}
	}
	return name
}

func onProduct(all []client.Installation, product string) []client.Installation {
	var out []client.Installation
	for _, i := range all {
		if i.Product == product {
			out = append(out, i)
		}
	}
	return out
}
