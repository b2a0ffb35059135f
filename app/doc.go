// Package app puts the parts together: it builds them from the configuration, starts them in order, stops them in reverse order,
// and serves webhooks, metrics, health and pages. It also offers what the subcommands do with the store of a server.
package app
