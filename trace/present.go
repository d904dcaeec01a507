package trace

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// checkPresent refuses a value in which a required member is missing: one whose field has no omitzero. Path says where
// the value is, for the message.
func checkPresent(raw jsontext.Value, t reflect.Type, path string) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch kind := raw.Kind(); {
	case kind == '{' && t == reflect.TypeFor[Pointer]():
		return checkPresent(raw, reflect.TypeFor[Object](), path)
	case kind == '{' && t == reflect.TypeFor[SQE]():
		return eachValue(raw, func(name string, value jsontext.Value) error {
			return checkPresent(value, reflect.TypeFor[Pointer](), path+"/"+name)
		})
	case kind == '{' && t.Kind() == reflect.Struct:
		return checkMembers(raw, t, path)
	case kind == '[' && t.Kind() == reflect.Slice:
		return checkElements(raw, t.Elem(), path)
	}
	return nil
}

// checkMembers is checkPresent for the members of an object.
func checkMembers(raw jsontext.Value, t reflect.Type, path string) error {
	fields := memberNames(t)
	seen := map[string]bool{}
	err := eachValue(raw, func(name string, value jsontext.Value) error {
		seen[name] = true
		if i, ok := fields[name]; ok {
			return checkPresent(value, t.Field(i).Type, path+"/"+name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if name := lacks(t, seen); name != "" {
		return fmt.Errorf("%s lacks %q", path, name)
	}
	return nil
}

// lacks returns the first required member of the struct that was not seen, or "".
func lacks(t reflect.Type, seen map[string]bool) string {
	for f := range t.Fields() {
		if name, options, _ := strings.Cut(f.Tag.Get("json"), ","); options == "" && name != "" && !seen[name] {
			return name
		}
	}
	return ""
}

// checkElements is checkPresent for the elements of an array.
func checkElements(raw jsontext.Value, t reflect.Type, path string) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		value, err := dec.ReadValue()
		if err == nil {
			err = checkPresent(value, t, fmt.Sprintf("%s/%d", path, i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachValue calls visit for each member of an object, until it fails.
func eachValue(raw jsontext.Value, visit func(name string, value jsontext.Value) error) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	return eachMember(dec, func(name string) error {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		return visit(name, value)
	})
}

// eachMember reads an object. It calls read for each member, to read the value, until it fails.
func eachMember(dec *jsontext.Decoder, read func(name string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := read(tok.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
