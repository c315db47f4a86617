package conf

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// rules is the validator; it is safe for concurrent use and keeps what it
// learns of each type.
var rules = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("koanf") })
	return v
})

// check returns what the rules of out's `validate` tags find, but for keys that
// have a problem already.
func (d *Document) check(out any, known ValidationErrors) ValidationErrors {
	var found validator.ValidationErrors
	err := rules().Struct(out)
	if err == nil {
		return nil
	}
	if !errors.As(err, &found) {
		return ValidationErrors{{File: d.file, Message: err.Error(), Err: err}} // out is no struct
	}
	var problems ValidationErrors
	for _, fe := range found {
		_, path, _ := strings.Cut(fe.Namespace(), ".")
		keys := splitPath(path)
		if slices.ContainsFunc(known, func(p ValidationError) bool { return begins(keys, p.Keys) }) {
			continue
		}
		problems = append(problems, d.broken(fe, keys))
	}
	return problems
}

// begins reports whether path is prefix or below it.
func begins(path, prefix []string) bool {
	return len(prefix) > 0 && len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// broken returns the problem of a broken rule.
func (d *Document) broken(fe validator.FieldError, keys []string) ValidationError {
	switch {
	case fe.Tag() != "required":
		return d.Problem(ErrValue, inWords(fe), keys...)
	case d.Has(keys...):
		return d.Problem(ErrValue, "must not be empty", keys...)
	}
	return d.Problem(ErrRequired, "is required", keys...)
}

// inWords tells of a broken rule. A test checks that every tag in use has words
// here.
func inWords(fe validator.FieldError) string {
	switch fe.Tag() {
	case "min":
		return fmt.Sprintf("must be at least %s, got %v", fe.Param(), fe.Value())
	case "max":
		return fmt.Sprintf("must be at most %s, got %v", fe.Param(), fe.Value())
	case "oneof":
		return fmt.Sprintf("must be %s, got %q", strings.Join(strings.Fields(fe.Param()), " or "), fmt.Sprint(fe.Value()))
	}
	return fmt.Sprintf("breaks the rule %s %s", fe.Tag(), fe.Param())
}
