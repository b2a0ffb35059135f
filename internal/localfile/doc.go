// Package localfile creates, locks and replaces files on a local disk, and says what to do where that can't work.
package localfile
