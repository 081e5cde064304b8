# A thin front to meson and the scripts of tools/. Each target does its own set-up and is quick the second time.
BUILD ?= build

.PHONY: all setup build demo serve test coverage lint bench fuzz soak scenes clean

all: build

setup:
	@tools/setup build

# The programs alone: the tests' own need more packages and time.
build: setup
	@tools/build $(BUILD) reeld reeld-worker

demo: build
	@tools/demo $(BUILD)

serve: build
	@$(BUILD)/reeld serve $(ARGS)

test:
	@tools/setup test
	@tools/build $(BUILD)
	@tools/test $(BUILD)

# Which lines of src/ the tests reach. Takes as long as the tests, and a build of its own.
coverage:
	@tools/setup test
	@tools/coverage $(BUILD)

lint:
	@tools/setup lint
	@tools/build $(BUILD) reeld reeld-worker
	@tools/lint $(BUILD)

bench:
	@tools/setup bench
	@tools/build $(BUILD) reeld reeld-worker
	@bench/run $(BUILD)

fuzz:
	@tools/setup test
	@tools/fuzz $(SECONDS_EACH)

soak: build
	@tools/setup test
	@tools/soak $(BUILD)

# Renders the plates with Blender: slow, never part of a build.
scenes:
	@tools/setup scenes
	@tools/scenes/render $(SCENE)

clean:
	rm -rf $(BUILD) build-*
