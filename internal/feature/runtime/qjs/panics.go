package qjs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/annexhq/annex/internal/core/fault"
)

// Goroutines of the server that handle what an app had a say in run behind safely: a
// panic there would end the server for everybody.

// safely runs fn and makes its panic an error.
func safely(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v, debug.Stack())
		}
	}()
	return fn()
}

// panicked is the error of a panic. Its incident is in the log beside the stack.
func panicked(v any, stack []byte) *fault.Error {
	return fault.New(fault.Internal, "INTERNAL", "the platform failed").
		With("incident", rand.Text()).Because(&panicError{value: v, stack: stack})
}

// logPanic logs err if it is a panic's, and gives it back.
func logPanic(log *slog.Logger, err error) error {
	var p *panicError
	if errors.As(err, &p) {
		f, _ := fault.As(err)
		log.Error("panic", "incident", f.Fields["incident"], "panic", fmt.Sprint(p.value), "stack", string(p.stack))
	}
	return err
}

// panicError is a panic's value and stack, for the log.
type panicError struct {
	value any
	stack []byte
}

// Error implements error.
func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }
