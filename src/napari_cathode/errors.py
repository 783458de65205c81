"""The one error whose text is written for the person in front of the screen."""


class InputError(ValueError):
    """Something about the user's input is wrong.

    The message is one sentence (or two) that says what is wrong with which file, layer, column or parameter,
    and what to do about it. Screens and the command line show it as it is, without a traceback.
    """
