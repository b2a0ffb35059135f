//go:build !linux

package localfile

func networkFileSystem(string) string { return "" }

func mounted(string) bool { return false }
