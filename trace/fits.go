package trace

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// checkFits refuses numbers in v that are wider, and byte strings that are longer, than the tags of their fields allow.
// Path says where v is, for the message.
func checkFits(v reflect.Value, tag reflect.StructTag, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return checkFits(v.Elem(), tag, path)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return checkBytes(v.Len(), tag, path)
		}
		for i := range v.Len() {
			if err := checkFits(v.Index(i), tag, fmt.Sprintf("%s/%d", path, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		return checkFields(v, path)
	case reflect.Uint64:
		return checkBits(v.Uint(), tag, path)
	case reflect.Int64:
		return checkBits(uint64(v.Int()), tag, path)
	}
	return nil
}

// checkFields is checkFits for each field of a struct.
func checkFields(v reflect.Value, path string) error {
	if s, ok := v.Interface().(SQE); ok { // what its fields point to; they themselves were checked when read
		for _, f := range s.Fields {
			if err := checkFits(reflect.ValueOf(f.Value), "", path+"/"+f.Name); err != nil {
				return err
			}
		}
		slot, _ := v.Type().FieldByName("Slot")
		return checkFits(reflect.ValueOf(s.Slot), slot.Tag, path+"/slot")
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		at := path
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			at += "/" + name
		}
		if err := checkFits(v.Field(i), field.Tag, at); err != nil {
			return err
		}
	}
	return nil
}

// checkBits refuses a number that has more bits than the tag says, be it signed or not.
func checkBits(n uint64, tag reflect.StructTag, path string) error {
	bits, err := strconv.Atoi(tag.Get("bits"))
	if err != nil || n>>bits == 0 || int64(n)>>(bits-1) == -1 {
		return nil
	}
	return fmt.Errorf("%s is %#x, which does not fit in %d bits", path, n, bits)
}

func checkBytes(n int, tag reflect.StructTag, path string) error {
	if most, err := strconv.Atoi(tag.Get("max")); err == nil && n > most {
		return fmt.Errorf("%s: found %d bytes, expected at most %d", path, n, most)
	}
	return nil
}
