package receivers

// signed reports whether a header signs a body.
func signed(secrets [][]byte, header string, body []byte) bool {
	v := newVerifier(secrets, header)
	v.write(body)
	return !v.cannotMatch() && v.valid()
}
