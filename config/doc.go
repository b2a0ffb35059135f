// Package config reads the configuration: the YAML file, then the environment, then the defaults. Every error names the file, the
// line, what is wrong and what to write instead.
package config
