// Package integration tests the built exporter with the real programs around it. It is a module of its own, so that what
// the tests need stays out of the exporter's. A missing program fails a test; ./install installs what is missing.
package integration
