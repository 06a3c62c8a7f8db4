package install

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// What is due is looked for for ever, also after a failure, and not after the end.
func TestDueIsLookedForUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		d := newDue(func(context.Context) error {
			if runs++; runs == 2 {
				return errors.New("cut off")
			}
			return nil
		}, slog.New(slog.DiscardHandler))
		d.start(t.Context())
		d.start(t.Context())
		time.Sleep(5*dueEvery + dueEvery/2)
		synctest.Wait()
		if runs != 5 {
			t.Errorf("%d runs", runs)
		}
		d.stop()
		d.stop()
		time.Sleep(5 * dueEvery)
		if runs != 5 {
			t.Errorf("%d runs after the end", runs)
		}
	})
}
