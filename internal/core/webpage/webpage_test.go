package webpage

import (
	"reflect"
	"strings"
	"testing"
)

func TestWhereAScriptIsFirst(t *testing.T) {
	for text, want := range map[string]string{
		"<!doctype html><html><head><title>x</title>":                "<!doctype html><html><head>^<title>x</title>",
		"<!doctype html>\n<HTML lang=en>\n<HEAD data-x='>'>\n<meta>": "<!doctype html>\n<HTML lang=en>\n<HEAD data-x='>'>^\n<meta>",
		"<!-- c --><script>a()</script>":                             "<!-- c -->^<script>a()</script>",
		"<!doctype html><body onload=x()>":                           "<!doctype html>^<body onload=x()>",
		"  hello <head>":                                             "^  hello <head>",
		"<html><meta charset=utf-8><head>":                           "<html>^<meta charset=utf-8><head>",
		"":                                                           "^",
		"<!doctype html>":                                            "<!doctype html>^",
		"<html><head":                                                "<html><head^",
	} {
		d := Read([]byte(text))
		if got := text[:d.At] + "^" + text[d.At:]; got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestInlineScripts(t *testing.T) {
	// printf 'alert(1)' | openssl dgst -sha256 -binary | base64
	const alert = "sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI="
	for text, want := range map[string][]string{
		"<script>alert(1)</script>":                                       {alert},
		"<script>alert(1)</script><script type=module>alert(1)</script>":  {alert},
		"<script src=x>alert(1)</script>":                                 nil,
		"<script type='application/json'>{}</script>":                     nil,
		"<script type=speculationrules>{}</script>":                       nil,
		"<style>alert(1)</style><title><script>alert(1)</script></title>": nil,
		"<textarea><script>alert(1)</script></textarea>":                  nil,
		"<!--<script>alert(1)</script>-->":                                nil,
		"<script type=\"text/javascript\" nonce=a>alert(1)</script>":      {alert},
		"<script></script><p>alert(1)":                                    nil,
	} {
		if d := Read([]byte(text)); !reflect.DeepEqual(d.Hashes, want) {
			t.Errorf("%q: %q", text, d.Hashes)
		}
	}
	if a, b := Read([]byte("<script>a\r\nb\rc</script>")), Read([]byte("<script>a\nb\nc</script>")); !reflect.DeepEqual(a.Hashes, b.Hashes) {
		t.Error("line ends count")
	}
}

func TestLinks(t *testing.T) {
	d := Read([]byte("<head>\n<script type=module crossorigin src=\"/assets/index.js\"></script>\n<link rel=\"Stylesheet\" href=./a.css>\n<link rel=icon href=/x.svg>\n\n<img\nsrc=https://alice.example/i.png>"))
	want := []Link{{"script", "/assets/index.js", 2}, {"style", "./a.css", 3}, {"image", "/x.svg", 4}, {"image", "https://alice.example/i.png", 6}}
	if !reflect.DeepEqual(d.Links, want) {
		t.Errorf("%+v", d.Links)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("<!doctype html><head><script>x</script>")
	f.Fuzz(func(t *testing.T, text string) {
		d := Read([]byte(text))
		if d.At < 0 || d.At > len(text) {
			t.Fatalf("at %d of %d", d.At, len(text))
		}
		if before := strings.ToLower(text[:d.At]); strings.Contains(before, "<script") && !strings.Contains(before, "<!") && !strings.Contains(before, "<?") && !strings.Contains(before, "</") &&
			!strings.Contains(before, "<html") && !strings.Contains(before, "<head") {
			t.Fatalf("a script before the first: %q", before)
		}
	})
}
