"""Objects by their names."""

import pytest

import backprop as bp
from backprop.core.lookup import resolve, show_call


class Animal:
    """The base of a family."""


class Cat(Animal):
    def __repr__(self):
        return "Cat()"


NAMES = {"cat": Cat, "animal": Animal}


def find(given):
    return resolve(given, Animal, NAMES, "pet")


def test_a_name_makes_a_new_object_each_time():
    assert type(find("cat")) is Cat
    assert type(find("animal")) is Animal
    assert find("cat") is not find("cat")


def test_other_strings_stand_for_names():
    others = {"Cat": "cat", "Katze": "cat"}
    assert type(resolve("Katze", Animal, NAMES, "pet", others=others)) is Cat
    with pytest.raises(ValueError, match=r"^pet 'Hund' is not known: the names are cat, animal\.$"):
        resolve("Hund", Animal, NAMES, "pet", others=others)


def test_an_object_is_returned_as_it_is():
    cat = Cat()
    assert find(cat) is cat


@pytest.mark.parametrize("name", ["dog", "Cat", ""])
def test_an_unknown_name(name):
    message = f"^pet {name!r} is not known: the names are cat, animal\\.$"
    with pytest.raises(ValueError, match=message):
        find(name)


def test_a_class_in_place_of_an_object():
    with pytest.raises(
        TypeError, match=r"pet must be.*Animal \(an instance: add the parentheses\)"
    ):
        find(Cat)


@pytest.mark.parametrize(
    ("given", "shown"), [(None, "None"), (3, "3"), (["cat"], "['cat']"), (object(), "object(…)")]
)
def test_neither_name_nor_object(given, shown):
    with pytest.raises(
        TypeError, match=r"^pet must be a name or an object of backprop's class"
    ) as e:
        find(given)
    assert shown in str(e.value)
    assert "parentheses" not in str(e.value)


def test_objects_show_the_call_that_makes_them():
    class Dog(Animal):
        def __init__(self, name, age=3):
            self.name, self.age, self.hungry = name, age, True

    assert show_call(Dog("Rex")) == "Dog(name='Rex', age=3)"
    assert show_call(Cat()) == "Cat()"


def test_arguments_that_are_not_kept_are_not_shown():
    """A user's class need not keep them under the same name; its repr once raised."""

    class Bird(Animal):
        def __init__(self, wings, *feathers, size=1, **more):
            self.size = size

    assert show_call(Bird(2, 3, tail=4)) == "Bird(size=1)"


def test_a_metric_in_the_place_of_the_loss_of_its_name():
    model = bp.Sequential([bp.layers.Dense(1)])
    with pytest.raises(TypeError, match=r"which is none: the loss of its name is 'mean_squared_er"):
        model.compile("sgd", bp.metrics.MeanSquaredError())
    model.compile("sgd", "mean_squared_error")
