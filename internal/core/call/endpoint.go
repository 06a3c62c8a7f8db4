package call

import "strings"

// endpointPrefix marks a Function that is an endpoint of a remote; no handler has a colon.
const endpointPrefix = "endpoint:"

// Endpoint is the Function of a call that goes to an endpoint module.
func Endpoint(key string) string { return endpointPrefix + key }

// EndpointOf is the endpoint that a Function stands for; ok is false for one in the bundle.
func EndpointOf(function string) (key string, ok bool) {
	return strings.CutPrefix(function, endpointPrefix)
}
