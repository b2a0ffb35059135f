//go:build !linux

package localfile

func networkFileSystem(string) string { return "" }

// IsMountPoint reports whether a file is a mount point itself. It can't tell on this system.
func IsMountPoint(string) bool { return false }
