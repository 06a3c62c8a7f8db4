package hostrule

import "testing"

func TestJoinPath(t *testing.T) {
	base, err := ParseBaseURL("https://api.example.com/v1")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"me":                              "https://api.example.com/v1/me",
		"./me?x=1":                        "https://api.example.com/v1/me?x=1",
		"/me":                             "https://api.example.com/me",
		"../me":                           "https://api.example.com/me",
		"":                                "https://api.example.com/v1/",
		"https://api.example.com/v2":      "https://api.example.com/v2",
		"https://api.example.com:443/v2":  "https://api.example.com/v2",
		"//evil.test/":                    "",
		`\\evil.test\`:                    "",
		"https://evil.test/":              "",
		"https://api.example.com@evil/":   "",
		"https://api.example.com:8443/":   "",
		"https://x@api.example.com/":      "",
		"http://api.example.com/":         "",
		"wss://api.example.com/":          "",
		"javascript:alert(1)":             "",
		"https:evil.test":                 "https://api.example.com/v1/evil.test",
		"\thttps://evil.test":             "",
		"https://api.example.com.evil/me": "",
	} {
		got, err := JoinPath(base, path)
		if err != nil {
			got = URL{}
		}
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("%q = %s, %v; want %q", path, got, err, want)
		}
	}
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]string{
		"/oauth/token": "/oauth/token", "/oauth/token/": "/oauth/token", "/OAuth//%74oken": "/oauth/token",
		"/oauth/%2574oken": "/oauth/token", "/x/../oauth/./token": "/oauth/token", "/oauth/token;v=1": "/oauth/token",
		`/oauth\token`: "/oauth/token", "/oauth%2Ftoken": "/oauth/token", "/": "/", "": "/", "/..": "/", "/x/%2e%2e/oauth/token": "/oauth/token",
		"/oauth/tokens": "/oauth/tokens",
	} {
		if got := PlainPath(path); got != want {
			t.Errorf("%q = %q, want %q", path, got, want)
		}
	}
}
