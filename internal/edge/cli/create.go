package cli

import (
	"embed"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/web/packages"
)

//go:embed all:templates
var templates embed.FS

var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (c *cli) createCommand() *cobra.Command {
	template := "hello"
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a folder with a small app that can be deployed as it is",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !appName.MatchString(args[0]) {
				return usage("%q cannot be an app's name", args[0]).WithFix("use lower-case letters, digits, - and _")
			}
			dir := filepath.Join(c.dir, args[0])
			files, err := c.create(template, args[0], dir)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]any{"dir": dir, "files": files})
				return nil
			}
			c.ui.printf("Made %s in %s. Next:", plural(len(files), "file"), dir)
			c.ui.printf("  cd %s", args[0])
			c.ui.printf("  annex deploy --environment development")
			return nil
		},
	}
	cmd.Flags().StringVarP(&template, "template", "t", template, "`name` of the template: "+strings.Join(templateNames(), ", "))
	return jsonFlag(cmd)
}

func templateNames() []string {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// create writes a template's files, never over something that is there.
func (c *cli) create(template, name, dir string) ([]string, error) {
	root := path.Join("templates", template)
	if _, err := templates.ReadDir(root); err != nil || strings.ContainsAny(template, `/\.`) || template == "" {
		return nil, usage("there is no template %q", template).WithFix("choose one of: %s", strings.Join(templateNames(), ", "))
	}
	if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, fault.New(fault.Conflict, "EXISTS", "%s exists already", dir).WithFix("choose another name")
	} else if err != nil {
		return nil, fault.New(fault.Internal, "WRITE", "%s cannot be made: %v", dir, err).Because(err)
	}
	var files []string
	err := fs.WalkDir(templates, root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(file)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(file, root+"/")
		if base, ok := strings.CutPrefix(path.Base(rel), "dot-"); ok {
			rel = path.Join(path.Dir(rel), "."+base)
		}
		files = append(files, rel)
		return writeFile(filepath.Join(dir, filepath.FromSlash(rel)), []byte(strings.ReplaceAll(string(text), "APP_NAME", name)), 0o644, 0o755)
	})
	if err != nil {
		return files, err
	}
	// The SDK's types, for editors and tsc; the bundler does not read them.
	types, err := packages.Types()
	if err != nil {
		return files, err
	}
	for _, module := range slices.Sorted(maps.Keys(types)) {
		rel := path.Join("types", module, "index.d.ts")
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(rel)), types[module], 0o644, 0o755); err != nil {
			return files, err
		}
		files = append(files, rel)
	}
	return files, nil
}
