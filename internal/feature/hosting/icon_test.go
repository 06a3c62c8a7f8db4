package hosting

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestIconsAreDrawnAnew(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	big := image.NewNRGBA(image.Rect(0, 0, 300, 200))
	for y := range 200 {
		for x := range 300 {
			big.Set(x, y, color.NRGBA{200, 100, 50, 255})
		}
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, big); err != nil {
		t.Fatal(err)
	}
	const drawing = `<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 9 9" onload="x()" style="background:url(https://evil.example)" width="9"><script>x()</script>
		<style>@import url(https://evil.example)</style><g fill="url(#a)" fill-rule="evenodd"><path d="M0 0L9,9z" fill="url(https://evil.example)"/><image href="https://evil.example"/></g>
		<foreignObject><path d="M1 1"/></foreignObject><a href="javascript:x()"><path d="M2 2"/></a><use href="#a"/><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient>secret text<animate attributeName="href"/></svg>`
	i := w.install("abcdef", perm.Set{}, map[string]string{"a.png": picture.String() + "<script>trailing</script>", "b.svg": drawing, "c.txt": "plain", "d.svg": "<html><svg/></html>", "e.svg": "<svg>&x;</svg>"})
	v := w.served[w.policies[i].Version]
	v.Icons = map[string]string{"a": "resource:main;a.png", "b": "resource:main;./b.svg", "c": "resource:main;c.txt", "d": "resource:main;d.svg", "e": "resource:main;e.svg",
		"far": "https://evil.example/x.png", "none": "resource:main;none.png", "up": "resource:main;../main/a.png"}
	get := func(path string) *http.Response {
		rec := httptest.NewRecorder()
		w.Icons().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		return rec.Result()
	}
	a := get(w.IconPath(t.Context(), w.policies[i], "a"))
	got, err := png.Decode(a.Body)
	if err != nil || got.Bounds().Dx() > 96 || got.Bounds().Dx() < 48 || a.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%v %v", err, a.Header)
	} else if r, g, b, alpha := got.At(10, 10).RGBA(); r>>8 != 200 || g>>8 != 100 || b>>8 != 50 || alpha>>8 != 255 {
		t.Errorf("another colour: %d %d %d %d", r>>8, g>>8, b>>8, alpha>>8)
	}
	b := get(w.IconPath(t.Context(), w.policies[i], "b"))
	const want = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" width="9"><g fill="url(#a)" fill-rule="evenodd"><path d="M0 0L9,9z"></path></g><linearGradient id="a"><stop offset="0" stop-color="#fff"></stop></linearGradient></svg>`
	if svg := text(t, b); svg != want || b.Header.Get("Content-Type") != "image/svg+xml" || b.Header.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'; sandbox" {
		t.Errorf("%v\n%s", b.Header, svg)
	}
	for _, name := range []string{"c", "d", "e"} {
		if r := get(w.IconPath(t.Context(), w.policies[i], name)); r.StatusCode != 404 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	for _, name := range []string{"far", "none", "up", "unknown"} {
		if path := w.IconPath(t.Context(), w.policies[i], name); path != "" {
			t.Errorf("%s is at %s", name, path)
		}
	}
	right := w.IconPath(t.Context(), w.policies[i], "a")
	for _, path := range []string{IconPrefix, IconPrefix + "a/b/c", strings.Replace(right, "abcdef", "abcdeg", 1), right + "/x", strings.Replace(right, "/icons/", "/icons/0", 1)} {
		if r := get(path); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
