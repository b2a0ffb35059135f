// Package docs has no code: it holds the documentation, and the tests that its links, the tests that it names, and its size
// are right.
package docs
