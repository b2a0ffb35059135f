//go:build !linux

package persistence

func networkFileSystem(string) string { return "" }

func mounted(string) bool { return false }
