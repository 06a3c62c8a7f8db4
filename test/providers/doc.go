// Package providers connects an account at an authorization server that is not of this
// project, npm's oidc-provider, and has two server processes renew it at the same time: see
// make test-providers.
package providers
