package main

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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

// The load is a batch thread while it runs, and an ordinary one again afterwards.
func TestLoadIsABatchThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, want := range []uint32{unix.SCHED_BATCH, unix.SCHED_NORMAL} {
		if err := schedule(want); err != nil {
			t.Fatal(err)
		}
		if got, err := unix.SchedGetAttr(0, 0); err != nil || got.Policy != want {
			t.Errorf("policy %+v, %v; want %d", got, err, want)
		}
	}
}
