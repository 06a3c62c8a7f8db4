package main

import (
	"strings"
	"testing"
)

// An answer is whole when its last byte has come, and not before.
func TestParseAnswer(t *testing.T) {
	for _, whole := range []string{
		"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	} {
		for n := range len(whole) {
			if _, done, err := parseAnswer([]byte(whole[:n])); done || err != nil {
				t.Errorf("%q: %v %v", whole[:n], done, err)
			}
		}
		if body, done, err := parseAnswer([]byte(whole)); !done || err != nil || string(body) != "hello" {
			t.Errorf("%q %v %v", body, done, err)
		}
	}
	for _, bad := range []string{"HTTP/1.1 500 No\r\n\r\nwhy", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"} {
		if _, done, err := parseAnswer([]byte(bad)); done || err == nil {
			t.Errorf("%q: %v", bad, strings.TrimSpace(bad))
		}
	}
}
