package hostrule

import "testing"

func TestFreeHeader(t *testing.T) {
	for name, want := range map[string]bool{"Authorization": true, "X-Api-Key": true, "x-annex-signature": true,
		"": false, "a b": false, "Host": false, "COOKIE": false, "X-Forwarded-For": false, "x-forge-oauth-user": false, "Content-Type": false, "Transfer-Encoding": false} {
		if FreeHeader(name) != want {
			t.Errorf("%q", name)
		}
	}
}
