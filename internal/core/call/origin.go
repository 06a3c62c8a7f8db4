package call

import "context"

// Origin is the request from outside by which a call came about: its trace, 32 hexadecimal
// digits, and, where somebody keeps traces, the request's own span in it, 16.
type Origin struct{ Trace, Span string }

type originKey struct{}

// WithOrigin is ctx for what is done because of a request.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf is what ctx is done because of; its zero value where nothing says so.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
