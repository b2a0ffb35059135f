// Package story tests the built program from outside: a process of its own, signed webhooks over HTTP, a stand-in for the
// GitHub API, /metrics, kill -9. What is expected is worked out from what was sent and answered, never from the program's
// own store.
package story
