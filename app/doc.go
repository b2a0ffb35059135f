// Package app builds the program from its parts: it makes them from the configuration, starts them in order, stops them in reverse
// order, and serves webhooks, metrics, health and pages. It also implements the subcommands that use a server's store.
package app
