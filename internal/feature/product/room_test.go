package product

import (
	"errors"
	"strings"
	"testing"
)

// full is a call's room of which so much is left.
type full struct{ left int }

func (f *full) Take(n int) error {
	if f.left -= n; f.left < 0 {
		return errors.New("full")
	}
	return nil
}

func (f *full) Give(n int) { f.left += n }

// What is read of a body takes room as the body does, and nothing small becomes large.
func TestFormsTakeRoom(t *testing.T) {
	const media = "application/x-www-form-urlencoded"
	body := []byte("a=" + strings.Repeat("x", 1000))
	if _, err := formOf(media, "", body, &full{1000}, false); err == nil {
		t.Error("a form is read without room for it")
	}
	if form, err := formOf(media, "", body, &full{2 * len(body)}, false); err != nil || len(form.Get("a")) != 1000 {
		t.Errorf("%v", err)
	}
	r := &full{1 << 30}
	if _, err := formOf(media, "", []byte(strings.Repeat("a=&", maxParts)), r, false); err == nil || r.left != 1<<30 {
		t.Errorf("%d fields of one name are read: %v", maxParts, err)
	}
	parts := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + strings.Repeat("x", 1000) + "\r\n--b--\r\n"
	if _, err := formOf("multipart/form-data", "b", []byte(parts), &full{999}, false); err == nil {
		t.Error("a part is read without room for it")
	}
}
