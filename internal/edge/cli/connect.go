package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

// credentials are what `annex login` keeps.
type credentials struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	// LetIn is the id of a token that an admin's word at the console made for this login: it
	// ends with it. Others were made by somebody, for as long as they said.
	LetIn string `json:"letIn,omitempty"`
}

func (c *cli) credentialsFile() (string, error) {
	if c.env.ConfigDir == "" {
		return "", fault.New(fault.Usage, "NO_HOME", "there is no home directory to keep credentials in").
			WithFix("set HOME or XDG_CONFIG_HOME, or use ANNEX_URL and ANNEX_TOKEN")
	}
	return filepath.Join(c.env.ConfigDir, "annex", "credentials.json"), nil
}

// loadCredentials gives the zero value when nobody logged in.
func (c *cli) loadCredentials() (credentials, error) {
	var k credentials
	file, err := c.credentialsFile()
	if err != nil {
		return k, nil
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return k, fault.New(fault.Denied, "CREDENTIALS_READABLE", "%s can be read by others", file).
			WithFix("chmod 600 %s, and revoke the token if others use this machine", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return k, fault.New(fault.Invalid, "CREDENTIALS", "%s cannot be read: %v", file, err).WithFix("log in again with `annex login`").Because(err)
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return k, fault.New(fault.Invalid, "CREDENTIALS", "%s is not what `annex login` wrote", file).WithFix("log in again with `annex login`").Because(err)
	}
	return k, nil
}

// saveCredentials replaces the file in one step, so that a crash leaves the old one.
func (c *cli) saveCredentials(k credentials) (string, error) {
	file, err := c.credentialsFile()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	return file, writeFile(file, append(text, '\n'), 0o600, 0o700)
}

// writeFile writes beside the file, then renames over it.
func writeFile(file string, text []byte, mode, dirMode os.FileMode) error {
	fail := func(err error) error {
		return fault.New(fault.Internal, "WRITE", "%s cannot be written: %v", file, err).WithFix("check the folder's permissions and the disk's free space").Because(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), dirMode); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".annex-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fail(err)
	}
	return nil
}

// server says which server to speak to, and with which token. A token that was kept
// for one server is never sent to another.
func (c *cli) server() (credentials, error) {
	k := credentials{URL: strings.TrimSuffix(c.env.Getenv("ANNEX_URL"), "/"), Token: c.env.Getenv("ANNEX_TOKEN")}
	if k.Token != "" {
		if err := plausibleToken(k.Token); err != nil {
			return k, usage("ANNEX_TOKEN is not a token").WithFix("%s", err.Fix)
		}
	}
	if k.URL != "" && k.Token != "" {
		return k, nil
	}
	for _, name := range []string{"ANNEX_URL", "ANNEX_TOKEN"} {
		// Falling back to what is kept would act as somebody else than was meant.
		if v, set := c.lookup(name); set && strings.TrimSpace(v) == "" {
			return k, usage("%s is set and empty", name).WithFix("give it its value, or `unset %s` to use what `annex login` kept", name)
		}
	}
	kept, err := c.loadCredentials()
	if err != nil {
		return k, err
	}
	if k.URL == "" {
		k.URL = kept.URL
	}
	if k.Token == "" && k.URL == kept.URL {
		k.Token = kept.Token
	}
	return k, nil
}

func (c *cli) lookup(name string) (string, bool) {
	if c.env.Lookup == nil {
		v := c.env.Getenv(name)
		return v, v != ""
	}
	return c.env.Lookup(name)
}

// plausibleToken refuses what cannot be sent in a header.
func plausibleToken(text string) *fault.Error {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return usage("this is not a token").WithFix("a token looks like anx_developer_… and has no spaces or line ends")
	}
	return nil
}

// connect makes the client of a command that needs a server.
func (c *cli) connect() (*client.Client, error) {
	k, err := c.server()
	if err != nil {
		return nil, err
	}
	if k.URL == "" {
		return nil, fault.New(fault.Usage, "NO_SERVER", "no server is named").
			WithFix("log in with `annex login --url URL`, or set ANNEX_URL and ANNEX_TOKEN; `annex demo` starts a server of your own")
	}
	if k.Token == "" {
		return nil, fault.New(fault.Unauthenticated, "NO_TOKEN", "there is no token for %s", k.URL).
			WithFix("log in with `annex login --url %s`, or set ANNEX_TOKEN", k.URL)
	}
	return c.client(k)
}

func (c *cli) client(k credentials) (*client.Client, error) {
	return client.New(client.Config{URL: k.URL, Token: k.Token, Agent: "annex/" + c.hooks.Version, AllowHTTP: c.env.Getenv("ANNEX_ALLOW_HTTP") == "1"})
}
